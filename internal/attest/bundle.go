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
}

// LogEntry is where a transparency log recorded a signature.
type LogEntry struct {
	Index          int64 // global index
	URL            string
	LogID          string // SHA-256 of the log's public key, hex
	IntegratedTime time.Time
}

// Bundle is a signed and logged statement. It was verified against the trust root before
// anyone else sees it.
type Bundle struct {
	Statement *Statement
	JSON      []byte // Sigstore bundle v0.3, protobuf JSON
	Envelope  []byte // DSSE envelope, JSON, byte for byte what went to the log
	Signer    Identity
	Entry     LogEntry
	Took      time.Duration // to sign, log and verify
}

// Attachment says where a bundle is stored in the registry.
type Attachment struct {
	Bundle   *Bundle
	Manifest Manifest // of the OCI 1.1 referrer
}

// Result is what a run found out and made public. [Pipeline.Run] returns it on failure
// too: a log entry cannot be taken back, so the user must learn of it.
type Result struct {
	Identity    Identity
	Subject     *Subject
	SBOMs       []*SBOM
	Bundles     []*Bundle
	Attachments []*Attachment
}

// Signature is the signature of the digest that the user named, or nil.
func (r *Result) Signature() *Attachment { return r.find(SignaturePredicateType, r.subjectDigest()) }

// Attestation is the SBOM attestation of the digest that the user named, or nil: an index
// of several images has none.
func (r *Result) Attestation() *Attachment { return r.find(SPDXPredicateType, r.subjectDigest()) }

// AttachmentOf says where b is stored; nil if it is not.
func (r *Result) AttachmentOf(b *Bundle) *Attachment {
	for _, a := range r.Attachments {
		if a.Bundle == b {
			return a
		}
	}
	return nil
}

// subjectDigest is the digest that the user named, or "" before it is known.
func (r *Result) subjectDigest() string {
	if r.Subject == nil {
		return ""
	}
	return r.Subject.Ref.DigestStr()
}

func (r *Result) find(predicateType, digest string) *Attachment {
	for _, a := range r.Attachments {
		st := a.Bundle.Statement
		if st.PredicateType == predicateType && st.About.Ref.DigestStr() == digest {
			return a
		}
	}
	return nil
}
