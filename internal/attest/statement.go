package attest

import (
	"bytes"
	"encoding/json"
	"fmt"

	cosign "github.com/sigstore/cosign/v2/pkg/types"
)

// Media and predicate types.
//
//   - in-toto: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
//   - SPDX: https://github.com/in-toto/attestation/blob/main/spec/predicates/spdx.md
//   - signature: https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
const (
	StatementType          = "https://in-toto.io/Statement/v1"
	PayloadType            = cosign.IntotoPayloadType
	SignaturePredicateType = cosign.CosignSignPredicateType
	SPDXPredicateType      = "https://spdx.dev/Document"
)

// Statement is an unsigned in-toto statement: a predicate about one digest.
type Statement struct {
	About         Manifest
	Platform      string // of About, e.g. "linux/amd64"; empty for an index
	PredicateType string
	Payload       []byte // in-toto JSON, byte for byte what is signed
}

// IsSignature reports whether the statement is the signature of an image and not an
// attestation about it.
func (s *Statement) IsSignature() bool { return s.PredicateType == SignaturePredicateType }

// Statements returns what is to be signed: the SBOM of each platform, then the signature
// of each platform (if recursive), then what is about the index, its signature last.
//
// The SBOM of an index with exactly one image is also attested on the index digest: that
// is what build-push-action makes, and the only digest its user knows. The same input
// gives the same bytes; a document that is not JSON is an error.
func Statements(subject *Subject, sboms []*SBOM, recursive bool) ([]*Statement, error) {
	var out []*Statement
	add := func(about Manifest, platform, predicateType string, predicate []byte) error {
		payload, err := payload(about, predicateType, predicate)
		if err != nil {
			return fmt.Errorf("statement about %s: %w", about.Ref, err)
		}
		out = append(out, &Statement{About: about, Platform: platform, PredicateType: predicateType, Payload: payload})
		return nil
	}
	for _, doc := range sboms {
		if err := add(doc.Image.Manifest, doc.Image.Platform.String(), SPDXPredicateType, doc.Document); err != nil {
			return nil, err
		}
	}
	for _, img := range subject.Images {
		if subject.IsIndex() && !recursive {
			break
		}
		if err := add(img.Manifest, img.Platform.String(), SignaturePredicateType, []byte("{}")); err != nil {
			return nil, err
		}
	}
	if !subject.IsIndex() {
		return out, nil
	}
	if subject.Platforms == 1 && len(sboms) == 1 {
		if err := add(subject.Manifest, "", SPDXPredicateType, sboms[0].Document); err != nil {
			return nil, err
		}
	}
	return out, add(subject.Manifest, "", SignaturePredicateType, []byte("{}"))
}

// payload assembles the statement around the bytes of the predicate, which stay as they
// are: re-encoding would change what the SBOM file and the log agree on.
//
// As cosign does, the subject of an attestation has the repository as its name, the
// subject of a signature has none.
func payload(about Manifest, predicateType string, predicate []byte) ([]byte, error) {
	if !json.Valid(predicate) {
		return nil, fmt.Errorf("predicate %s is not JSON", predicateType)
	}
	type descriptor struct {
		Name   string            `json:"name,omitempty"`
		Digest map[string]string `json:"digest"`
	}
	subject := descriptor{Digest: map[string]string{about.Digest().Algorithm: about.Digest().Hex}}
	if predicateType != SignaturePredicateType {
		subject.Name = about.Ref.Context().Name()
	}
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(struct {
		Type          string       `json:"_type"`
		Subject       []descriptor `json:"subject"`
		PredicateType string       `json:"predicateType"`
	}{StatementType, []descriptor{subject}, predicateType}); err != nil {
		return nil, err
	}
	head := bytes.TrimSuffix(b.Bytes(), []byte("}\n"))
	return bytes.Join([][]byte{head, []byte(`,"predicate":`), predicate, []byte("}")}, nil), nil
}
