package sigstore

import (
	"bytes"
	"errors"
	"fmt"

	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// verifyNew checks a bundle that was just made, as a verifier would that knows everything
// about the run: the log and each timestamp authority has to vouch for it.
func (s *services) verifyNew(made *attest.Bundle, id attest.Identity) error {
	b, err := read(attest.Stored{Form: attest.FormBundle, Content: made.JSON})
	if err != nil {
		return err
	}
	p, err := exactly(id)
	if err != nil {
		return err
	}
	if _, err := s.verify(b, made.Statement, p, s.times(attest.FormBundle)...); err != nil {
		return err
	}
	if envelope := b.GetDsseEnvelope(); envelope != nil && !bytes.Equal(envelope.GetPayload(), made.Statement.Payload) {
		return errors.New("the signed statement is another one")
	}
	return nil
}

// times are those that this Sigstore vouches for, each of which must be there: that of a
// log of version 1, and those of the timestamp authorities. The layers under cosign's tags
// have only the first.
func (s *services) times(form attest.Form) []sigverify.VerifierOption {
	var options []sigverify.VerifierOption
	if s.version == 1 || form.IsTag() {
		options = append(options, sigverify.WithIntegratedTimestamps(1))
	}
	if len(s.timestamp) > 0 && !form.IsTag() {
		options = append(options, sigverify.WithSignedTimestamps(len(s.timestamp)))
	}
	return options
}

// Verify implements [attest.Verifier] for the workflow of this run. An earlier run of it
// may have signed from another commit.
func (s *Signer) Verify(stored attest.Stored, about attest.Manifest) (*attest.Bundle, error) {
	s.loading.Lock()
	services := s.services
	s.loading.Unlock()
	s.mu.Lock()
	identity := s.identity
	s.mu.Unlock()
	if services == nil || identity == (attest.Identity{}) {
		return nil, errors.New("nothing to verify with: the identity of the run is not known yet")
	}
	p, err := workflow(identity)
	if err != nil {
		return nil, err
	}
	b, err := services.open(stored, about, p, services.times(stored.Form)...)
	if err != nil {
		return nil, &problem.Problem{
			Code: problem.BundleInvalid,
			What: fmt.Sprintf("What the registry has about %s does not verify.", about.Ref),
			Why:  "It fails against the trust root or this workflow: " + err.Error(),
			Fix:  "Do not trust what is attached to this image. Check that trusted-root belongs to the Sigstore that signs; else open an issue.",
			Err:  err,
		}
	}
	b.Entry.URL = services.entryURL(b.Entry)
	return b, nil
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
