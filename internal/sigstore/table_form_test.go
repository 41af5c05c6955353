package sigstore_test

import (
	"strings"

	"seal-image/internal/attest"
)

// The ways of signing that the table starts from.

// promised is as cosign's tags and bundles of version 0.1 have it.
func promised(s *signing) { s.logs[0].proof = false }

// proven has no time from the log, but from an authority.
func proven(s *signing) {
	s.logs[0].promise = false
	stamped(s)
}

func stamped(s *signing) { s.stamps = []stamping{{by: s.home, at: s.now}} }

// version2 is in a log of version 2, with a timestamp.
func version2(s *signing) {
	s.logs = []logging{{by: s.home, version: 2}}
	stamped(s)
}

// layerAtt and layerSig are layers below cosign's tags.
func layerAtt(s *signing) {
	promised(s)
	s.form = attest.FormAtt
}

func layerSig(s *signing) {
	promised(s)
	s.form, s.payloadType, s.payload, s.logs[0].kind = attest.FormSig, attest.SimpleSigningType, simpleSigning, "hashedrekord"
}

const (
	oldMediaType01 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
	oldMediaType02 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
	oldMediaType03 = "application/vnd.dev.sigstore.bundle+json;version=0.3"
)

// inChain puts the certificate into a chain, as bundles before version 0.3 have it.
func inChain(b, _ map[string]any) {
	leaf := get(b, leafAt)
	drop(leafAt)(b, nil)
	put(b, "verificationMaterial.x509CertificateChain", map[string]any{"certificates": []any{leaf}})
}

func aSecondLater(entry, _ map[string]any) {
	put(entry, "Payload.integratedTime", get(entry, "Payload.integratedTime").(float64)+1)
}

// formCases are the forms of bundles: versions of the format, of logs, with and without
// timestamps.
var formCases = []bundleCase{
	{name: "bundle, log with promise and proof"},
	{name: "bundle, log with promise and proof, timestamp", signed: stamped},
	{name: "bundle, log with proof, timestamp", signed: proven},
	{name: "bundle, log of version 2, timestamp", signed: version2},
	{name: "bundle, logs of both versions", signed: func(s *signing) { s.logs = append(s.logs, logging{by: s.home, version: 2}) }},
	{name: "bundle, entry of the kind intoto", signed: func(s *signing) { s.logs[0].kind = "intoto" }},
	{name: "bundle, body of version 2 in a log of version 1", signed: func(s *signing) { proven(s); s.logs[0].body2 = true }},
	{name: "layer att", signed: layerAtt},
	{name: "layer att, entry of the kind intoto", signed: func(s *signing) { layerAtt(s); s.logs[0].kind = "intoto" }},
	{name: "layer sig", signed: layerSig},
	{name: "layer sig with the proof left out", signed: func(s *signing) { layerSig(s); s.logs[0].proof = true }},
	{name: "bundle 0.1 with a promise", signed: promised, change: set("mediaType", oldMediaType01)},
	{name: "bundle 0.1 with promise and proof", change: set("mediaType", oldMediaType01)},
	{name: "bundle 0.1 with a chain", signed: promised, change: all(set("mediaType", oldMediaType01), inChain)},
	{name: "bundle 0.2 with a chain", change: all(set("mediaType", oldMediaType02), inChain)},
	{name: "bundle 0.3 with the old media type", change: set("mediaType", oldMediaType03)},
	{name: "spaces between the fields", text: func(b string) string { return strings.ReplaceAll(b, ",", " ,\n ") }},

	{name: "bundle 0.1 without a promise", signed: proven, change: set("mediaType", oldMediaType01), words: "inclusion promises missing"},
	{name: "bundle 0.2 without a proof", change: all(set("mediaType", oldMediaType02), drop(proofAt)), words: "inclusion proof missing"},
	{name: "bundle 0.3 without a proof", change: drop(proofAt), words: "inclusion proof missing"},
	{name: "bundle 0.3 with a chain", change: inChain, words: "cannot be X.509 certificate chain"},
	{name: "bundle 0.4", change: set("mediaType", "application/vnd.dev.sigstore.bundle.v0.4+json"), words: "not yet supported"},
	{name: "bundle 99.9", change: set("mediaType", "application/vnd.dev.sigstore.bundle+json;version=99.9"), words: "unsupported media type"},
	{name: "media type of nothing", change: set("mediaType", ""), words: "unsupported media type"},
	{name: "unknown field", change: set("extra", "x"), words: "unknown field"},
	{name: "field twice", text: replaced(`"mediaType":`, `"mediaType":"x","mediaType":`), words: "duplicate field"},
	{name: "something behind it", text: func(b string) string { return b + "{}" }, words: "unexpected token"},
	{name: "its first half", text: func(b string) string { return b[:len(b)/2] }, words: "unexpected"},
	{
		name: "signature of a file", signed: func(s *signing) { layerSig(s); s.logs[0].proof = true },
		fault: func(s *signing) { s.form = attest.FormBundle }, words: "read simple signing payload",
	},
	{name: "public key", change: func(b, _ map[string]any) {
		drop(leafAt)(b, nil)
		put(b, "verificationMaterial.publicKey", map[string]any{"hint": "key"})
	}, words: "transparency log certificate does not match"},
	{name: "public key, log of version 2", signed: version2, change: func(b, _ map[string]any) {
		drop(leafAt)(b, nil)
		put(b, "verificationMaterial.publicKey", map[string]any{"hint": "key"})
	}, words: "public key not found in trusted material"},
	{name: "layer att as sig", signed: layerAtt, fault: func(s *signing) { s.form = attest.FormSig }, words: "signature"},
	{name: "layer without a log entry", signed: layerAtt, layer: func(l, _ *attest.Layer) { l.LogEntry = nil }, words: "read log entry"},
	{name: "layer without a certificate", signed: layerAtt, layer: func(l, _ *attest.Layer) { l.Certificate = nil }, words: "the layer has no certificate"},
	{name: "layer without a promise", signed: layerAtt, layer: inEntry(drop("SignedEntryTimestamp")), words: "inclusion promises missing"},
	{name: "layer without a body", signed: layerSig, layer: inEntry(drop("Payload.body")), words: "read body of the log entry"},
	{name: "layer, body of no text", signed: layerSig, layer: inEntry(set("Payload.body", 1)), words: "read body of the log entry"},
	{name: "layer, log is not hex", signed: layerSig, layer: inEntry(set("Payload.logID", "zz")), words: "read log ID"},
	{name: "layer, other promise", signed: layerAtt, layer: inEntry(swap("SignedEntryTimestamp")), words: "not enough verified log entries"},
	{name: "layer, other time", signed: layerAtt, layer: inEntry(aSecondLater), words: "not enough verified log entries"},
	{name: "layer, other entry", signed: layerSig, layer: inEntry(all(swap("Payload"), swap("SignedEntryTimestamp"))), words: "transparency log signature does not match"},
	{name: "layer, other certificate", signed: layerSig, layer: func(l, other *attest.Layer) { l.Certificate = other.Certificate }, words: "transparency log certificate does not match"},
	{name: "layer, other signature", signed: layerSig, layer: func(l, other *attest.Layer) { l.Signature = other.Signature }, words: "transparency log signature does not match"},
	{name: "layer, signature is not base64", signed: layerSig, layer: func(l, _ *attest.Layer) { l.Signature = "!" }, words: "read signature"},
}

// envelopeCases are about what was signed and the signature.
var envelopeCases = []bundleCase{
	{name: "signature", change: flip(signatureAt), words: "transparency log signature does not match"},
	{name: "signature, version 2", signed: version2, change: flip(signatureAt), words: "verifying inclusion"},
	{name: "signature of another bundle", change: swap(signatureAt), words: "transparency log signature does not match"},
	{name: "no signature", change: set(envelopeAt+".signatures", []any{}), words: "transparency log signature does not match"},
	{name: "two signatures", change: appended(envelopeAt+".signatures", envelopeAt+".signatures.0"), words: "exactly one signature is required"},
	{name: "signature of nothing", change: set(signatureAt, ""), words: "transparency log signature does not match"},
	{name: "payload", change: rewrite(envelopeAt+".payload", inBase64(func(p []byte) []byte { return append(p, ' ') })), words: "payload hash"},
	{name: "payload, version 2", signed: version2, change: rewrite(envelopeAt+".payload", inBase64(func(p []byte) []byte { return append(p, ' ') })), words: "verifying inclusion"},
	{name: "no payload", change: drop(envelopeAt + ".payload"), words: "it is not a JSON object"},
	{name: "payload type", change: set(envelopeAt+".payloadType", "application/json"), words: "accepted signatures do not match threshold"},
	{name: "payload type, version 2", signed: version2, change: set(envelopeAt+".payloadType", "application/json"), words: "verifying inclusion"},
	{name: "signed payload of another type", fault: func(s *signing) { s.payloadType = "application/json" }, words: "unsupported DSSE payload type"},
	{name: "no envelope", change: drop(envelopeAt), words: "missing bundle content"},
	{name: "key ID of another key", change: set(envelopeAt+".signatures.0.keyid", "x"), words: "accepted signatures do not match threshold"},
}
