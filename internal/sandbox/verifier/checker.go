package verifier

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

const (
	statementV1   = "https://in-toto.io/Statement/v1"
	inTotoPayload = "application/vnd.in-toto+json"
)

// checker verifies bundles for one image under one policy.
type checker struct {
	digest        v1.Hash
	predicateType string
	verifier      *verify.Verifier
	policy        verify.PolicyBuilder
}

// newChecker asks for everything that a keyless signature has: a certificate that was logged, an entry in the
// signature log, and a time from someone other than the signer.
func newChecker(ref name.Digest, p Policy) (*checker, error) {
	digest, err := v1.NewHash(ref.DigestStr())
	if err != nil {
		return nil, fmt.Errorf("parse digest of %s: %w", ref, err)
	}
	raw, err := hex.DecodeString(digest.Hex)
	if err != nil {
		return nil, fmt.Errorf("decode digest of %s: %w", ref, err)
	}
	verifier, err := verify.NewVerifier(p.Trust, verify.WithSignedCertificateTimestamps(1),
		verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	if err != nil {
		return nil, fmt.Errorf("set up verifier: %w", err)
	}
	san, err := verify.NewSANMatcher(p.Identity, "")
	if err != nil {
		return nil, fmt.Errorf("expect identity %q: %w", p.Identity, err)
	}
	issuer, err := verify.NewIssuerMatcher(p.Issuer, "")
	if err != nil {
		return nil, fmt.Errorf("expect issuer %q: %w", p.Issuer, err)
	}
	identity, err := verify.NewCertificateIdentity(san, issuer, certificate.Extensions{SourceRepositoryURI: p.Repository})
	if err != nil {
		return nil, fmt.Errorf("expect identity %q of %q: %w", p.Identity, p.Issuer, err)
	}
	policy := verify.NewPolicy(verify.WithArtifactDigest(digest.Algorithm, raw), verify.WithCertificateIdentity(identity))
	return &checker{digest: digest, predicateType: p.PredicateType, verifier: verifier, policy: policy}, nil
}

// bundle verifies one bundle. What it returns lacks the digest of the manifest that carries it.
func (c *checker) bundle(data []byte) (*Accepted, error) {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("parse bundle: %w", err)
	}
	if b.MediaType != bundleType {
		return nil, fmt.Errorf("mediaType of the bundle is %q, want %s", b.MediaType, bundleType)
	}
	result, err := c.verifier.Verify(&b, c.policy)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	accepted, err := c.statement(&b)
	if err != nil {
		return nil, err
	}
	signer := result.Signature.Certificate
	accepted.Identity = signer.SubjectAlternativeName
	accepted.Issuer = signer.Issuer
	accepted.Repository = signer.SourceRepositoryURI
	if err := logEntry(&b, accepted); err != nil {
		return nil, err
	}
	return accepted, nil
}

// statement reads what was signed from the exact bytes: sigstore-go hands out a parsed copy of the predicate, whose
// hash would be that of another text.
func (c *checker) statement(b *bundle.Bundle) (*Accepted, error) {
	envelope := b.GetDsseEnvelope()
	if envelope == nil {
		return nil, errors.New("signs a message, not a statement")
	}
	if envelope.PayloadType != inTotoPayload {
		return nil, fmt.Errorf("payload is %q, want %s", envelope.PayloadType, inTotoPayload)
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
	if st.Type != statementV1 {
		return nil, fmt.Errorf("statement is %q, want %s", st.Type, statementV1)
	}
	if len(st.Subject) != 1 || st.Subject[0].Digest[c.digest.Algorithm] != c.digest.Hex {
		return nil, fmt.Errorf("subject is %v, want only %s", st.Subject, c.digest)
	}
	if c.predicateType != "" && st.PredicateType != c.predicateType {
		return nil, fmt.Errorf("predicate is %s, want %s", st.PredicateType, c.predicateType)
	}
	sum := sha256.Sum256(st.Predicate)
	return &Accepted{
		Subject:         c.digest.String(),
		PredicateType:   st.PredicateType,
		PredicateSHA256: hex.EncodeToString(sum[:]),
	}, nil
}

func logEntry(b *bundle.Bundle, a *Accepted) error {
	entries, err := b.TlogEntries()
	if err != nil {
		return fmt.Errorf("read log entries: %w", err)
	}
	if len(entries) != 1 {
		return fmt.Errorf("%d log entries, want one", len(entries))
	}
	a.LogIndex = entries[0].LogIndex()
	if at := entries[0].IntegratedTime(); !at.IsZero() {
		a.IntegratedTime = at.UTC().Format(time.RFC3339)
	}
	return nil
}
