package githubapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

const (
	bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	inTotoPayload   = "application/vnd.in-toto+json"
	statementType   = "https://in-toto.io/Statement/v1"
	tokenIssuer     = "https://token.actions.githubusercontent.com"
)

// Trust makes the service store what verifies against a trust root: bundles of in-toto
// statements that jobs of the repository have signed. Without one it stores nothing.
func (s *Service) Trust(trustedRoot []byte) error {
	trust, err := root.NewTrustedRootFromJSON(trustedRoot)
	if err != nil {
		return fmt.Errorf("parse trusted root: %w", err)
	}
	verifier, err := verify.NewVerifier(trust, verify.WithSignedCertificateTimestamps(1),
		verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	if err != nil {
		return fmt.Errorf("set up verifier: %w", err)
	}
	san, err := verify.NewSANMatcher("", ".+")
	if err != nil {
		return fmt.Errorf("expect any workflow: %w", err)
	}
	issuer, err := verify.NewIssuerMatcher(tokenIssuer, "")
	if err != nil {
		return fmt.Errorf("expect GitHub's issuer: %w", err)
	}
	identity, err := verify.NewCertificateIdentity(san, issuer, certificate.Extensions{SourceRepositoryURI: "https://github.com/" + s.repository})
	if err != nil {
		return fmt.Errorf("expect a job of %s: %w", s.repository, err)
	}
	policy := verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithCertificateIdentity(identity))
	s.verify = func(raw []byte) (*attestation, error) {
		var b bundle.Bundle
		if err := b.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		made, err := statementIn(&b)
		if err != nil {
			return nil, err
		}
		_, err = verifier.Verify(&b, policy)
		return made, err
	}
	return nil
}

// statementIn reads what a bundle says.
func statementIn(b *bundle.Bundle) (*attestation, error) {
	envelope := b.GetDsseEnvelope()
	if b.MediaType != bundleMediaType || envelope == nil || envelope.PayloadType != inTotoPayload {
		return nil, errors.New("not a DSSE bundle of version 0.3 with an in-toto statement")
	}
	var st struct {
		Type    string `json:"_type"`
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	if err := json.Unmarshal(envelope.Payload, &st); err != nil {
		return nil, fmt.Errorf("parse statement: %w", err)
	}
	switch {
	case st.Type != statementType || len(st.Subject) != 1 || st.Subject[0].Digest["sha256"] == "" || st.PredicateType == "":
		return nil, errors.New("not an in-toto statement about one digest")
	case len(st.Predicate) > predicateLimit:
		return nil, errors.New("predicate too large")
	}
	return &attestation{Digest: "sha256:" + st.Subject[0].Digest["sha256"], PredicateType: st.PredicateType}, nil
}
