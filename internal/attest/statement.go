package attest

import (
	"bytes"
	"encoding/json"
	"fmt"

	cosign "github.com/sigstore/cosign/v2/pkg/types"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// Media and predicate types.
//
//   - in-toto: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
//   - SPDX: https://github.com/in-toto/attestation/blob/main/spec/predicates/spdx.md
//   - CycloneDX: https://github.com/in-toto/attestation/blob/main/spec/predicates/cyclonedx.md
//   - signature: https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
//   - simple signing: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
const (
	StatementType          = "https://in-toto.io/Statement/v1"
	PayloadType            = cosign.IntotoPayloadType
	SimpleSigningType      = cosign.SimpleSigningMediaType
	SignaturePredicateType = cosign.CosignSignPredicateType
	SPDXPredicateType      = "https://spdx.dev/Document"
	CycloneDXPredicateType = "https://cyclonedx.org/bom"
)

// Statement is an unsigned claim about one digest.
type Statement struct {
	About    Manifest
	Platform string // of About, e.g. "linux/amd64"; empty for an index
	// PayloadType is [PayloadType] for an in-toto statement, signed as a DSSE envelope, or
	// [SimpleSigningType] for what a `.sig` holds, signed as it is.
	PayloadType   string
	PredicateType string // of an in-toto statement
	Payload       []byte // JSON, byte for byte what is signed
}

// key tells statements apart.
func (s *Statement) key() string {
	return s.About.Ref.String() + "\n" + s.PayloadType + "\n" + string(s.Payload)
}

// IsSignature reports whether the statement is the signature of an image and not an
// attestation about it.
func (s *Statement) IsSignature() bool {
	return s.IsSimpleSigning() || s.PredicateType == SignaturePredicateType
}

// IsProvenance reports whether the statement says how an image was built.
func (s *Statement) IsProvenance() bool { return s.PredicateType == ProvenancePredicateType }

// IsSimpleSigning reports whether the statement is the signature that old verifiers read.
func (s *Statement) IsSimpleSigning() bool { return s.PayloadType == SimpleSigningType }

// SignatureFormat says for which verifiers to sign.
type SignatureFormat string

// The signature formats.
const (
	Bundles SignatureFormat = "bundle"
	Legacy  SignatureFormat = "legacy"
	Both    SignatureFormat = "both"
)

func (f SignatureFormat) bundles() bool { return f != Legacy }
func (f SignatureFormat) legacy() bool  { return f != Bundles }

// SignOptions say what is signed.
type SignOptions struct {
	Recursive   bool              // each platform as well as the index
	Attest      bool              // the SBOMs
	Provenance  []byte            // of the run, see [Provenance]; nil: none
	Annotations map[string]string // signed with the image
	Format      SignatureFormat
}

// Statements returns what is to be signed: the SBOM of each platform, then the signatures
// of each platform (if recursive), then what is about the index, its signature last. The
// provenance is about the digest that the user named, and stands before its signature.
//
// The SBOM of an index with exactly one image is also attested on the index digest: that
// is what build-push-action makes, and the only digest its user knows. The same input
// gives the same bytes; a document that is not JSON is an error.
func Statements(subject *Subject, sboms []*SBOM, o SignOptions) ([]*Statement, error) {
	s := statements{options: o}
	for _, doc := range sboms {
		s.attest(doc.Image.Manifest, doc.Image.Platform.String(), doc)
	}
	for _, img := range subject.Images {
		if !subject.IsIndex() {
			s.prove(img.Manifest, img.Platform.String())
		}
		if !subject.IsIndex() || o.Recursive {
			s.sign(img.Manifest, img.Platform.String())
		}
	}
	if subject.IsIndex() {
		if subject.Platforms == 1 && len(sboms) == 1 {
			s.attest(subject.Manifest, "", sboms[0])
		}
		s.prove(subject.Manifest, "")
		s.sign(subject.Manifest, "")
	}
	return s.out, s.err
}

// statements collects statements up to the first error.
type statements struct {
	options SignOptions
	out     []*Statement
	err     error
}

// attest adds an attestation for each document that can have one.
func (s *statements) attest(about Manifest, platform string, sbom *SBOM) {
	for _, doc := range sbom.Documents {
		if predicateType := doc.Format.PredicateType(); predicateType != "" && s.options.Attest {
			s.add(about, platform, predicateType, named(about), doc.Bytes)
		}
	}
}

// prove adds the provenance.
func (s *statements) prove(about Manifest, platform string) {
	if s.options.Provenance != nil {
		s.add(about, platform, ProvenancePredicateType, named(about), s.options.Provenance)
	}
}

// named is the subject of an attestation: as cosign's, it has a name. In a signature it has none.
func named(about Manifest) inTotoSubject {
	return inTotoSubject{Name: about.Ref.Context().Name()}
}

// sign adds the signatures of a digest, for new verifiers and for old ones.
func (s *statements) sign(about Manifest, platform string) {
	if s.options.Format.bundles() {
		s.add(about, platform, SignaturePredicateType, inTotoSubject{Annotations: s.options.Annotations}, []byte("{}"))
	}
	if s.options.Format.legacy() && s.err == nil {
		encoded, err := simpleSigning(about, s.options.Annotations)
		s.err = err
		s.out = append(s.out, &Statement{About: about, Platform: platform, PayloadType: SimpleSigningType, Payload: encoded})
	}
}

func (s *statements) add(about Manifest, platform, predicateType string, subject inTotoSubject, predicate []byte) {
	if s.err != nil {
		return
	}
	subject.Digest = map[string]string{about.Digest().Algorithm: about.Digest().Hex}
	encoded, err := inToto(predicateType, subject, predicate)
	if err != nil {
		s.err = fmt.Errorf("statement about %s: %w", about.Ref, err)
		return
	}
	s.out = append(s.out, &Statement{About: about, Platform: platform, PayloadType: PayloadType, PredicateType: predicateType, Payload: encoded})
}

// inTotoSubject is a resource descriptor.
// Source: https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
type inTotoSubject struct {
	Name        string            `json:"name,omitempty"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// inToto assembles the statement around the bytes of the predicate, which stay as they
// are: re-encoding would change what the SBOM file and the log agree on.
func inToto(predicateType string, subject inTotoSubject, predicate []byte) ([]byte, error) {
	if !json.Valid(predicate) {
		return nil, fmt.Errorf("predicate %s is not JSON", predicateType)
	}
	head, err := compact(struct {
		Type          string          `json:"_type"`
		Subject       []inTotoSubject `json:"subject"`
		PredicateType string          `json:"predicateType"`
	}{StatementType, []inTotoSubject{subject}, predicateType})
	if err != nil {
		return nil, err
	}
	head = bytes.TrimSuffix(head, []byte("}"))
	return bytes.Join([][]byte{head, []byte(`,"predicate":`), predicate, []byte("}")}, nil), nil
}

// compact encodes v without line breaks and without escaping HTML.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// simpleSigning is the payload of a `.sig`.
func simpleSigning(about Manifest, annotations map[string]string) ([]byte, error) {
	p := payload.Cosign{Image: about.Ref}
	if len(annotations) > 0 {
		p.Annotations = map[string]any{}
		for k, v := range annotations {
			p.Annotations[k] = v
		}
	}
	return json.Marshal(p)
}
