package sigstore_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"

	"seal-image/internal/attest"
)

// job changes whose job signs.
func job(changes map[string]any) func(*signing) {
	return func(s *signing) { s.claims = claims(changes) }
}

// reusable is the job of acme/caller, with the workflow of acme/app.
var reusable = job(map[string]any{"repository": "acme/caller"})

func san(exact string) func(*attest.Expectation) {
	return func(e *attest.Expectation) { e.SAN = exact }
}

func pattern(expression string) func(*attest.Expectation) {
	return func(e *attest.Expectation) { e.SAN, e.Pattern = "", expression }
}

func issuer(url string) func(*attest.Expectation) {
	return func(e *attest.Expectation) { e.Issuer = url }
}

func repository(url string) func(*attest.Expectation) {
	return func(e *attest.Expectation) { e.RepositoryURI = url }
}

// person signs with an e-mail address.
func person(s *signing) {
	certificate(func(c *x509.Certificate) {
		c.URIs, c.EmailAddresses = nil, []string{"jane@example.com"}
		c.ExtraExtensions = c.ExtraExtensions[:0]
		c.ExtraExtensions = append(c.ExtraExtensions, extension(1, []byte(identity.Issuer))) // as old certificates have it
	})(s)
}

func extension(arc int, value []byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, arc}, Value: value}
}

// cluster signs with the URI of something that is no workflow.
func cluster(s *signing) {
	certificate(func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "https", Host: "kubernetes.io", Path: "/namespaces/a/serviceaccounts/b"}}
	})(s)
}

// identityCases are about who has signed, and who is expected.
var identityCases = []bundleCase{
	{name: "exactly", expect: san(identity.SAN)},
	{name: "longer", expect: san(identity.SAN + "2"), words: "expected SAN value"},
	{name: "shorter", expect: san(identity.SAN[:len(identity.SAN)-1]), words: "expected SAN value"},
	{name: "in another case", expect: san("HTTPS://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"), words: "expected SAN value"},
	{name: "nobody", expect: san(""), words: "there must be subject alternative name criteria"},
	{name: "other workflow", fault: job(map[string]any{"job_workflow_ref": "acme/app/.github/workflows/other.yml@refs/heads/main"}), words: "expected SAN value"},
	{name: "other ref", fault: job(map[string]any{"job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/pull/1/merge"}), words: "expected SAN value"},

	{name: "pattern of all", expect: pattern(`https://github\.com/acme/app/\.github/workflows/.+@refs/heads/main`)},
	{name: "pattern with anchors", expect: pattern(`^https://github\.com/acme/.+$`)},
	{name: "pattern of the start", expect: pattern(`https://github\.com/acme/`), words: "to match regex"},
	{name: "pattern of the end", expect: pattern(`@refs/heads/main`), words: "to match regex"},
	{name: "pattern of the middle", expect: pattern(`acme`), words: "to match regex"},
	{name: "pattern with alternatives", expect: pattern(`jane@example\.com|https://github\.com/acme/app/.+`)},
	{name: "pattern with an alternative of the start", expect: pattern(`https://github\.com/|jane@example\.com`), words: "to match regex"},
	{name: "pattern with an alternative of the end", expect: pattern(`jane@example\.com|refs/heads/main`), words: "to match regex"},
	{name: "pattern of another line", expect: pattern(`(?m:^https://github\.com/acme/app/.+$)`)},
	{name: "pattern that closes the anchors", expect: pattern(`x)|(?:https://github\.com/`), words: "expected identity"},
	{name: "pattern of no expression", expect: pattern(`(`), words: "expected identity"},
	{name: "pattern and name", expect: func(e *attest.Expectation) { e.Pattern = `https://github\.com/.+` }},
	{name: "pattern fits and name does not", expect: func(e *attest.Expectation) { e.SAN, e.Pattern = "x", `https://github\.com/.+` }, words: "expected SAN value"},

	{name: "other issuer", expect: issuer("https://token.example.com"), words: "expected issuer value"},
	{name: "longer issuer", expect: issuer(identity.Issuer + "/"), words: "expected issuer value"},
	{name: "no issuer", expect: issuer(""), words: "must specify Issuer criteria"},
	{name: "token of another issuer", fault: job(map[string]any{"iss": "https://token.actions.githubusercontent.com/acme"}), words: "expected issuer value"},

	{name: "repository", expect: repository("https://github.com/acme/app")},
	{name: "other repository", expect: repository("https://github.com/acme/other"), words: "expected SourceRepositoryURI to be"},
	{name: "shorter repository", expect: repository("https://github.com/acme/ap"), words: "expected SourceRepositoryURI to be"},
	{name: "called by the repository", fault: reusable, expect: repository("https://github.com/acme/caller")},
	{name: "called by another repository", fault: reusable, expect: repository("https://github.com/acme/app"), words: "expected SourceRepositoryURI to be"},
	{name: "called by some repository", fault: reusable, words: "expected the workflow to be in the repository whose job signed"},
	{name: "called by some repository, pattern", fault: reusable, expect: pattern(`https://github\.com/acme/.+`), words: "expected the workflow to be in the repository whose job signed"},
	{name: "called by a repository whose name is the start", fault: job(map[string]any{"repository": "acme/ap"}), words: "expected the workflow to be in the repository whose job signed"},
	{name: "called by the repository, layer", fault: func(s *signing) { layerSig(s); reusable(s) }, words: "expected the workflow to be in the repository whose job signed"},
	{name: "workflow of no repository", fault: certificate(func(c *x509.Certificate) {
		c.ExtraExtensions = c.ExtraExtensions[:0]
		c.ExtraExtensions = append(c.ExtraExtensions, extension(1, []byte(identity.Issuer)))
	}), words: "expected the workflow to be in the repository whose job signed"},

	{name: "person", fault: person, expect: san("jane@example.com")},
	{name: "other person", fault: person, expect: san("jane@example.co"), words: "expected SAN value"},
	{name: "person of a repository", fault: person, expect: func(e *attest.Expectation) {
		e.SAN, e.RepositoryURI = "jane@example.com", "https://github.com/acme/app"
	}, words: "expected SourceRepositoryURI to be"},
	{name: "service", fault: cluster, expect: san("https://kubernetes.io/namespaces/a/serviceaccounts/b")},
}

// rootCases are about trust roots that lack something.
var rootCases = []bundleCase{
	{name: "no authority", root: func(_ *signing, p *trusted) { p.authorities = nil }, words: "cannot verify what this Sigstore signs"},
	{name: "no log and no timestamp authority", root: rootAll(noLogs, noTSA), words: "cannot verify what this Sigstore signs"},
	{name: "no log", root: noLogs, words: "not enough verified log entries"},
	{name: "no log, timestamp", signed: proven, root: noLogs, words: "not enough verified log entries"},
	{name: "no log, no entry, timestamp", signed: proven, fault: func(s *signing) { s.logs = nil }, root: noLogs},
	{name: "no entry, timestamp, although there is a log", signed: proven, fault: func(s *signing) { s.logs = nil }, words: "not enough verified log entries"},
	{name: "no timestamp authority", root: noTSA},
	{name: "no timestamp authority, timestamp of one", signed: stamped, root: noTSA},
	{name: "no timestamp authority, proof", signed: proven, root: noTSA, words: "threshold not met"},
	{name: "no timestamp authority, version 2", signed: version2, root: noTSA, words: "threshold not met"},
	{name: "of another Sigstore", root: func(s *signing, p *trusted) { *p = s.strangersRoot() }, words: "not enough verified log entries"},
	{name: "two authorities", root: func(s *signing, p *trusted) { p.authorities = append(s.strangersRoot().authorities, p.authorities...) }},
	{name: "two timestamp authorities", signed: version2, root: func(s *signing, p *trusted) { p.timestamps = append(s.strangersRoot().timestamps, p.timestamps...) }},
}

func noLogs(_ *signing, parts *trusted) { parts.logs = nil }

func noTSA(_ *signing, parts *trusted) { parts.timestamps = nil }

// strangersRoot are the parts of another Sigstore's trust root.
func (s *signing) strangersRoot() trusted {
	var parts trusted
	s.stranger().trust(s.t, func(p *trusted) { parts = *p })
	return parts
}
