package attest

import "time"

// BundleMediaType is the media type of [Bundle.JSON].
// Source: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Identity is who signs: what a verifier has to expect of the certificate.
type Identity struct {
	SAN        string // URI of the workflow, e.g. https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main
	Issuer     string // of the OIDC token, e.g. https://token.actions.githubusercontent.com
	Repository string // owner/name of the repository whose job signs; it may differ from the one in SAN
	// RepositoryURI is Repository with the server, e.g. https://github.com/acme/app
	RepositoryURI string
	Ref           string // git ref of the run, e.g. refs/heads/main
	SHA           string // git commit of the run, 40 hexadecimal digits
	Run           Run    // for provenance; the zero Run where none is wanted
}

// LogEntry is where a transparency log recorded a signature; the zero LogEntry says that no
// log did.
type LogEntry struct {
	Index          int64     // global index
	URL            string    // where a person can look at it; empty if there is no such place
	LogID          string    // of the log's public key, hex; empty: no entry
	IntegratedTime time.Time // zero if the log promises none, as those of version 2
}

// Bundle is a signed and logged statement. It was verified against the trust root before
// anyone else sees it.
type Bundle struct {
	Statement *Statement
	JSON      []byte // Sigstore bundle, protobuf JSON
	// Layer is the same signature and log entry as cosign's tags hold them; the zero Layer
	// where the log gave no promise, without which those tags hold nothing to verify.
	Layer    Layer
	Signer   Identity
	Entry    LogEntry
	Took     time.Duration // to sign, log and verify; 0 if it was signed by an earlier run
	Page     string        // of GitHub's about it; empty if this run has not stored it there
	Existing bool          // signed before, by an earlier run of this workflow or for another image of this one
}

// Layer is a signature as a layer of the manifests under cosign's tags `.sig` and `.att`.
// Source: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
type Layer struct {
	// Content is what the signature in a `.sig` is about, or the whole DSSE envelope in
	// an `.att`, byte for byte as it went to the log.
	Content     []byte
	Signature   string // base64; empty for an envelope, which has it inside
	Certificate []byte // PEM
	Chain       []byte // PEM
	LogEntry    []byte // JSON: the inclusion promise and what it is about
}

// Empty reports whether there is nothing for cosign's tags.
func (l Layer) Empty() bool { return len(l.Content) == 0 }

// Stored is an attachment as the registry serves it.
type Stored struct {
	Form     Form
	Manifest Manifest // of the referrer, or what the tag points at
	Content  []byte   // a Sigstore bundle, or an SBOM document
	Layer    Layer    // of the forms Sig and Att, in place of Content
}

// Expectation is who must have signed, for those who verify.
type Expectation struct {
	SAN     string // the identity, or
	Pattern string // a regular expression (RE2) of all of it
	Issuer  string // of the OIDC token
	// RepositoryURI is the repository whose job signed, e.g. https://github.com/acme/app. If
	// it is empty, the workflow must be in that repository.
	RepositoryURI string
}

// String is what a person reads, e.g. in an error.
func (e Expectation) String() string {
	who := e.SAN
	if e.Pattern != "" {
		who = "an identity like " + e.Pattern
	}
	if e.RepositoryURI != "" {
		who += ", run by " + e.RepositoryURI
	}
	return who + " (issuer " + e.Issuer + ")"
}
