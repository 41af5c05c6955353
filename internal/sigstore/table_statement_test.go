package sigstore_test

import "strings"

// payload changes what is signed.
func payload(change func(string) string) func(*signing) {
	return func(s *signing) { s.payload = change(s.payload) }
}

const (
	theDigest    = `"digest":{"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`
	theName      = `"name":"registry.example.com/acme/app"`
	theType      = `"predicateType":"https://spdx.dev/Document"`
	otherSubject = `{"name":"b","digest":{"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}}`
)

// of is a digest of an algorithm, with the digits of the image a.
func of(algorithm string) string { return strings.Replace(theDigest, "sha256", algorithm, 1) }

// statementCases are about statements that are signed as they are.
var statementCases = []bundleCase{
	{name: "of version 0.1", signed: payload(replaced("Statement/v1", "Statement/v0.1"))},
	{name: "of version 0.1, layer", signed: func(s *signing) { layerAtt(s); payload(replaced("Statement/v1", "Statement/v0.1"))(s) }},
	{name: "of version 2", fault: payload(replaced("Statement/v1", "Statement/v2")), words: "not an in-toto statement"},
	{name: "of no type", fault: payload(replaced(`"_type":"https://in-toto.io/Statement/v1",`, "")), words: "type: unexpected end"},
	{name: "type is a number", fault: payload(replaced(`"https://in-toto.io/Statement/v1"`, "1")), words: "type: json"},
	{name: "type in another case", fault: payload(replaced("_type", "_Type")), words: `the field "_Type" is not one of a statement`},
	{name: "type in both cases", fault: payload(replaced(`{"_type"`, `{"_TYPE":"https://in-toto.io/Statement/v2","_type"`)), words: `the field "_TYPE" is not one`},
	{name: "type twice", fault: payload(replaced(`{"_type"`, `{"_type":"https://in-toto.io/Statement/v1","_type"`)), words: `"_type" is there twice`},
	{name: "type twice, escaped", fault: payload(replaced(`{"_type"`, `{"\u005ftype":"https://in-toto.io/Statement/v1","_type"`)), words: `"_type" is there twice`},

	{name: "predicate of CycloneDX", signed: payload(replaced("https://spdx.dev/Document", "https://cyclonedx.org/bom"))},
	{name: "predicate of SLSA", signed: payload(replaced("https://spdx.dev/Document", "https://slsa.dev/provenance/v1"))},
	{name: "predicate of a signature", signed: payload(replaced("https://spdx.dev/Document", "https://sigstore.dev/cosign/sign/v1"))},
	{name: "predicate of nothing", signed: payload(replaced(`,"predicate":{"spdxVersion":"SPDX-2.3"}`, ""))},
	{name: "unknown field", signed: payload(replaced(`"predicate":{`, `"more":[1],"predicate":{`))},
	{name: "spaces and line breaks", signed: payload(func(p string) string { return "\n " + strings.ReplaceAll(p, ",", " ,\n") + "\n" })},
	{name: "no predicate type", fault: payload(replaced(theType+",", "")), words: "predicate type: unexpected end"},
	{name: "empty predicate type", fault: payload(replaced("https://spdx.dev/Document", "")), words: "it has no predicate type"},
	{name: "predicate type of null", fault: payload(replaced(`"https://spdx.dev/Document"`, "null")), words: "it has no predicate type"},
	{name: "predicate type twice", fault: payload(replaced(theType, theType+`,"predicateType":"https://slsa.dev/provenance/v1"`)), words: `"predicateType" is there twice`},
	{name: "predicate type in another case", fault: payload(replaced("predicateType", "PredicateType")), words: `the field "PredicateType" is not one`},
	{name: "predicate type in both cases", fault: payload(replaced(theType, theType+`,"PREDICATETYPE":"https://slsa.dev/provenance/v1"`)), words: `the field "PREDICATETYPE" is not one`},
	{name: "subject with a letter that folds to s", fault: payload(replaced(theType, theType+`,"ſubject":[]`)), words: `the field "ſubject" is not one`},
	{name: "predicate twice", fault: payload(replaced(`"predicate":{`, `"predicate":{},"predicate":{`)), words: `"predicate" is there twice`},

	{name: "subject without a name", signed: payload(replaced(theName+",", ""))},
	{name: "several subjects, the second is it", signed: payload(replaced(`"subject":[`, `"subject":[`+otherSubject+","))},
	{name: "several digests", signed: payload(replaced(theDigest, `"digest":{"sha512":"00","sha256":"`+strings.Repeat("a", 64)+`"}`))},
	{name: "about another digest", about: "b", words: "does not match any digest in statement"},
	{name: "about another digest, layer", signed: layerAtt, about: "b", words: "does not match any digest in statement"},
	{name: "about another digest, version 2", signed: version2, about: "b", words: "does not match any digest in statement"},
	{name: "digest of another algorithm", fault: payload(replaced(theDigest, of("sha512"))), words: "does not match digests in statement"},
	{name: "algorithm in another case", fault: payload(replaced(theDigest, of("SHA256"))), words: "does not match digests in statement"},
	{name: "digest with its algorithm", fault: payload(replaced(`"aaaa`, `"sha256:aaaa`)), words: "unable to decode subject digest"},
	{name: "half a digest", fault: payload(replaced(strings.Repeat("a", 64), strings.Repeat("a", 32))), words: "does not match any digest in statement"},
	{name: "digest twice in a subject", fault: payload(replaced(theDigest, `"digest":{},`+theDigest)), words: `subject: the field "digest" is there twice`},
	{name: "algorithm twice in a digest", fault: payload(replaced(theDigest, `"digest":{"sha256":"`+strings.Repeat("b", 64)+`","sha256":"`+strings.Repeat("a", 64)+`"}`)), words: `digest of the subject: the field "sha256" is there twice`},
	{name: "name twice in a subject", fault: payload(replaced(theName, theName+`,"name":"x"`)), words: `subject: the field "name" is there twice`},
	{name: "no digest", fault: payload(replaced(","+theDigest, "")), words: "digest of the subject: it is not a JSON object"},
	{name: "no subject", fault: payload(replaced(`"subject":[{`+theName+","+theDigest+"}],", "")), words: "subject: unexpected end"},
	{name: "empty list of subjects", fault: payload(replaced(`{`+theName+","+theDigest+"}", "")), words: "does not match digests in statement"},
	{name: "subject is no list", fault: payload(replaced(`"subject":[{`+theName+","+theDigest+"}]", `"subject":{`+theDigest+"}")), words: "subject: json"},
	{name: "subject is a text", fault: payload(replaced(`{`+theName+","+theDigest+"}", `"a"`)), words: "subject: it is not a JSON object"},
	{name: "subject twice", fault: payload(replaced(`"subject":`, `"subject":[],"subject":`)), words: `"subject" is there twice`},
	{name: "subject in another case", fault: payload(replaced(`"subject":`, `"Subject":[],"subject":`)), words: `the field "Subject" is not one`},
	{name: "1100 subjects", fault: payload(replaced(`"subject":[`, `"subject":[`+strings.Repeat(otherSubject+",", 1100))), words: "too many subjects"},

	{name: "no JSON", fault: payload(func(string) string { return "x" }), words: "it is not a JSON object"},
	{name: "a list", fault: payload(func(p string) string { return "[" + p + "]" }), words: "it is not a JSON object"},
	{name: "something behind it", fault: payload(func(p string) string { return p + "{}" }), words: "something follows the statement"},
	{name: "its first half", fault: payload(func(p string) string { return p[:len(p)/2] }), words: "unexpected EOF"},
}

// simpleSigningCases are about the payload of a `.sig`.
var simpleSigningCases = []bundleCase{
	{name: "with annotations", signed: func(s *signing) {
		layerSig(s)
		payload(replaced(`"optional":null`, `"optional":{"team":"platform"}`))(s)
	}},
	{name: "of another repository", signed: func(s *signing) { layerSig(s); payload(replaced("registry.example.com", "mirror.example.com"))(s) }},
	{name: "about another digest", signed: layerSig, about: "b", words: "expected it to be about sha256:bbbb"},
	{name: "content", signed: layerSig, layer: inContent(func(c string) string { return c + " " }), words: "entry digest"},
	{name: "content of nothing", signed: layerSig, layer: inContent(func(string) string { return "" }), words: "read simple signing payload"},
	{name: "no JSON", signed: layerSig, fault: payload(func(string) string { return "x" }), words: "read simple signing payload"},
	{name: "of another type", signed: layerSig, fault: payload(replaced("cosign container image signature", "atomic container signature")), words: "unknown type"},
	{name: "without a digest", signed: layerSig, fault: payload(replaced(`"docker-manifest-digest":"sha256:`+strings.Repeat("a", 64)+`"`, "")), words: "read simple signing payload"},
	{name: "a statement instead", signed: layerSig, fault: func(s *signing) { s.payload = sbomStatement }, words: "read simple signing payload"},
}
