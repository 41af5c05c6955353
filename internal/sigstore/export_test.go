package sigstore

import (
	"context"
	"net/http"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/sign"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"seal-image/internal/attest"
	"seal-image/internal/secret"
)

// KeyLife is how long a key is used.
const KeyLife = keyLife

// VerifyNew is the check of what was just signed.
func (s *Signer) VerifyNew(b *attest.Bundle) error { return s.services.verifyNew(b, s.identity) }

// SignAs signs with a token that need not be that of a job.
func (s *Signer) SignAs(ctx context.Context, token secret.String, id attest.Identity, st *attest.Statement) (*attest.Bundle, error) {
	services, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	der, err := s.askFulcio(ctx, services, key, token)
	if err != nil {
		return nil, err
	}
	c := &certified{Keypair: key, der: der, identity: id}
	if err := c.check(services); err != nil {
		return nil, err
	}
	return s.signOne(ctx, services, c, st)
}

// VerifyAny verifies a bundle of any artifact, about which nothing but a digest or a content
// is known, for anybody whose name is exactly that.
func VerifyAny(ctx context.Context, i Instance, rt http.RoundTripper, encoded []byte, artifact *attest.Statement, san, issuer string) error {
	t, err := newTrust(i)
	if err != nil {
		return err
	}
	trusted, _, err := t.material(ctx, rt, false)
	if err != nil {
		return err
	}
	b, err := read(attest.Stored{Form: attest.FormBundle, Content: encoded})
	if err != nil {
		return err
	}
	if b.GetDsseEnvelope() != nil {
		if artifact, err = statementOf(b, attest.Layer{}, artifact.About); err != nil {
			return err
		}
	}
	p, err := expect(san, "", issuer, certificate.Extensions{})
	if err != nil {
		return err
	}
	_, err = verifier{root: trusted}.verify(b, artifact, p, sigverify.WithObserverTimestamps(1))
	return err
}

// ParseStatement returns the predicate type of a statement that can be read in one way.
var ParseStatement = parseStatement
