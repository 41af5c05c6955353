package sigstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature/payload"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// Verify implements [attest.Verifier] for the workflow of this run. An earlier run of it
// may have signed from another commit.
func (s *Signer) Verify(stored attest.Stored, about attest.Manifest) (*attest.Bundle, error) {
	s.mu.Lock()
	services, identity := s.services, s.identity
	s.mu.Unlock()
	if services == nil || identity == (attest.Identity{}) {
		return nil, errors.New("nothing to verify with: the identity of the run is not known yet")
	}
	b, err := services.verifyStored(stored, about, identity)
	if err != nil {
		return nil, &problem.Problem{
			Code: problem.BundleInvalid,
			What: fmt.Sprintf("What the registry has about %s does not verify.", about.Ref),
			Why:  "It fails against the trust root or this workflow: " + err.Error(),
			Fix:  "Do not trust what is attached to this image. Check that trusted-root belongs to the Sigstore that signs; else open an issue.",
			Err:  err,
		}
	}
	return b, nil
}

// verifyStored checks what a registry serves, and returns what was signed.
func (s *services) verifyStored(stored attest.Stored, about attest.Manifest, id attest.Identity) (*attest.Bundle, error) {
	var b bundle.Bundle
	switch stored.Form {
	case attest.FormBundle:
		if err := b.UnmarshalJSON(stored.Content); err != nil {
			return nil, err
		}
	case attest.FormSig, attest.FormAtt:
		read, err := layerBundle(stored.Form, stored.Layer)
		if err != nil {
			return nil, err
		}
		b = *read
	default:
		return nil, fmt.Errorf("the form %q is not signed", stored.Form)
	}
	st, err := statementOf(&b, stored.Layer, about)
	if err != nil {
		return nil, err
	}
	policy, err := workflow(id)
	if err != nil {
		return nil, err
	}
	if err := s.verify(&b, st, policy, s.required(stored.Form)); err != nil {
		return nil, err
	}
	chain, err := s.chain(leaf(b.GetVerificationMaterial()))
	if err != nil {
		return nil, err
	}
	out, err := s.newBundle(b.Bundle, st, id, chain)
	if err != nil {
		return nil, err
	}
	if stored.Form == attest.FormBundle {
		out.JSON = stored.Content
	} else {
		out.Layer = stored.Layer
	}
	return out, nil
}

// statementOf reads what a bundle signs. That it is about the right digest is for verify
// to say of an in-toto statement, and said here of the other kind.
func statementOf(b *bundle.Bundle, layer attest.Layer, about attest.Manifest) (*attest.Statement, error) {
	if envelope := b.GetDsseEnvelope(); envelope != nil {
		var head struct {
			PredicateType string `json:"predicateType"`
		}
		if err := json.Unmarshal(envelope.GetPayload(), &head); err != nil {
			return nil, fmt.Errorf("read statement: %w", err)
		}
		return &attest.Statement{About: about, PayloadType: envelope.GetPayloadType(), PredicateType: head.PredicateType, Payload: envelope.GetPayload()}, nil
	}
	var claim payload.Cosign
	if err := json.Unmarshal(layer.Content, &claim); err != nil {
		return nil, fmt.Errorf("read simple signing payload: %w", err)
	}
	if claim.Image.DigestStr() != about.Ref.DigestStr() {
		return nil, fmt.Errorf("it signs %s", claim.Image.DigestStr())
	}
	return &attest.Statement{About: about, PayloadType: attest.SimpleSigningType, Payload: layer.Content}, nil
}

// verifyNew checks a bundle that was just made, as a verifier would that knows everything
// about the run.
func (s *services) verifyNew(made *attest.Bundle, id attest.Identity) error {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(made.JSON); err != nil {
		return err
	}
	policy, err := exactly(id)
	if err != nil {
		return err
	}
	if err := s.verify(&b, made.Statement, policy, s.required(attest.FormBundle)); err != nil {
		return err
	}
	if envelope := b.GetDsseEnvelope(); envelope != nil && !bytes.Equal(envelope.GetPayload(), made.Statement.Payload) {
		return errors.New("the signed statement is another one")
	}
	return nil
}

func (s *services) verify(b *bundle.Bundle, st *attest.Statement, id sigverify.CertificateIdentity, required []sigverify.VerifierOption) error {
	verifier, err := sigverify.NewVerifier(s.root, required...)
	if err != nil {
		return err
	}
	artifact := sigverify.WithArtifact(bytes.NewReader(st.Payload))
	if !st.IsSimpleSigning() {
		digest, err := hex.DecodeString(st.About.Digest().Hex)
		if err != nil {
			return err
		}
		artifact = sigverify.WithArtifactDigest(st.About.Digest().Algorithm, digest)
	}
	_, err = verifier.Verify(b, sigverify.NewPolicy(artifact, sigverify.WithCertificateIdentity(id)))
	return err
}

// required are the proofs that this Sigstore gives, each of which must be there. The layers
// under cosign's tags have no timestamp: who reads them relies on the log's promise.
func (s *services) required(form attest.Form) []sigverify.VerifierOption {
	options := []sigverify.VerifierOption{
		sigverify.WithTransparencyLog(1),
		sigverify.WithIntegratedTimestamps(1),
	}
	if len(s.root.CTLogs()) > 0 {
		options = append(options, sigverify.WithSignedCertificateTimestamps(1))
	}
	if len(s.timestamp) > 0 && !form.IsTag() {
		options = append(options, sigverify.WithSignedTimestamps(len(s.timestamp)))
	}
	return options
}

// exactly expects the workflow, and the repository, ref and commit of this run.
func exactly(id attest.Identity) (sigverify.CertificateIdentity, error) {
	return expect(id, certificate.Extensions{
		SourceRepositoryURI:    id.RepositoryURI,
		SourceRepositoryRef:    id.Ref,
		SourceRepositoryDigest: id.SHA,
	})
}

// workflow expects the workflow at any commit, and the repository and ref: every caller of
// a reusable workflow shares its SAN.
func workflow(id attest.Identity) (sigverify.CertificateIdentity, error) {
	return expect(id, certificate.Extensions{
		SourceRepositoryURI: id.RepositoryURI,
		SourceRepositoryRef: id.Ref,
	})
}

func expect(id attest.Identity, extensions certificate.Extensions) (sigverify.CertificateIdentity, error) {
	san, err := sigverify.NewSANMatcher(id.SAN, "")
	if err != nil {
		return sigverify.CertificateIdentity{}, fmt.Errorf("expected identity: %w", err)
	}
	issuer, err := sigverify.NewIssuerMatcher(id.Issuer, "")
	if err != nil {
		return sigverify.CertificateIdentity{}, fmt.Errorf("expected issuer: %w", err)
	}
	return sigverify.NewCertificateIdentity(san, issuer, extensions)
}

func notValid(about attest.Manifest, err error) error {
	return &problem.Problem{
		Code: problem.BundleInvalid,
		What: fmt.Sprintf("The signature of %s does not verify.", about.Ref),
		Why:  "What was signed and logged fails against the trust root: " + err.Error(),
		Fix:  "Nothing that does not verify was attached. Check that trusted-root belongs to the Sigstore that signs; else open an issue.",
		Err:  err,
	}
}
