package sigstore

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/sign"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"golang.org/x/sync/errgroup"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

// certified is the key of the run with its certificate. It is the library's certificate
// provider for every statement, so that one token and one certificate do for all.
type certified struct {
	sign.Keypair
	der      []byte
	chain    []*x509.Certificate // of the trust root, the root last
	identity attest.Identity
	since    time.Time
	made     sync.Map  // signatures by what was signed
	token    time.Time // when the token was issued that the certificate is for
}

// GetCertificate implements [sign.CertificateProvider].
func (c *certified) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return c.der, nil
}

// SignData implements [sign.Keypair]. What was signed before has the same signature again: the
// log then knows an entry whose answer was lost.
func (c *certified) SignData(ctx context.Context, data []byte) (signature, digest []byte, err error) {
	type signed struct{ signature, digest []byte }
	key := sha256.Sum256(data)
	if before, ok := c.made.Load(key); ok {
		return before.(signed).signature, before.(signed).digest, nil
	}
	signature, digest, err = c.Keypair.SignData(ctx, data)
	if err == nil {
		c.made.Store(key, signed{signature, digest})
	}
	return signature, digest, err
}

const (
	// keyLife is how long a key is used. Its certificate is valid for ten minutes, in which
	// the log must have recorded the signature.
	keyLife = 5 * time.Minute
	// keyEnd is when no answer to what was signed with it is waited for any longer.
	keyEnd = 9 * time.Minute
	// tokenTries is how many tokens are shown to Fulcio, which refuses one at times that is
	// good: clocks differ, and keys of the issuer are not known everywhere at once.
	tokenTries  = 3
	tokenPause  = 2 * time.Second // to which chance adds up to tokenSpread
	tokenSpread = 3 * time.Second
)

// certificate returns the key of the run, and a new one when it gets old. That is made only
// where the services that have to follow within its life are there, if they are waited for.
func (s *Signer) certificate(ctx context.Context, services *services) (*certified, error) {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	if key != nil && time.Since(key.since) < keyLife {
		return key, nil
	}
	token, claims, err := s.prepare(ctx, services)
	if err != nil {
		return nil, err
	}
	key, err = s.certify(ctx, services, token, claims)
	for try := 1; try < tokenTries && refusesToken(err); try++ {
		if err := transport.Wait(ctx, tokenPause+rand.N(tokenSpread)); err != nil { //nolint:gosec // spreads load, protects nothing
			return nil, err
		}
		if token, claims, err = s.token(ctx); err != nil {
			return nil, err
		}
		key, err = s.certify(ctx, services, token, claims)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.identity = key, key.identity
	return key, nil
}

// prepare fetches a token, and meanwhile finds out whether the services that have to follow are
// there.
func (s *Signer) prepare(ctx context.Context, services *services) (secret.String, *claims, error) {
	var others errgroup.Group
	if s.patience.limit > 0 && !s.patience.used() {
		others.Go(func() error { return services.alive(ctx, s.options.Transport) })
	}
	token, claims, err := s.token(ctx)
	down := others.Wait() // a token alone is of no use
	if ctx.Err() != nil {
		down = context.Cause(ctx)
	}
	return token, claims, cmp.Or(down, err)
}

// refusesToken reports whether Fulcio may take another token.
func refusesToken(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	failed, answered := errors.AsType[*transport.StatusError](err)
	return ok && answered && p.Code == problem.FulcioRejected &&
		(failed.Status == http.StatusBadRequest || failed.Status == http.StatusUnauthorized)
}

// certify makes a key and has it certified by a token. The certificate is checked before
// anything is signed with it.
func (s *Signer) certify(ctx context.Context, services *services, token secret.String, claims *claims) (*certified, error) {
	since := time.Now()
	if err := s.guardPrivate(claims, services); err != nil {
		return nil, err
	}
	identity, err := claims.identity(s.options.Job)
	if err != nil {
		return nil, err
	}
	if err := s.sameRun(identity); err != nil {
		return nil, err
	}
	key, err := sign.NewEphemeralKeypair(nil) // ECDSA P-256
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := s.askFulcio(ctx, services, key, token)
	if err != nil {
		return nil, fmt.Errorf("get certificate: %w", err)
	}
	c := &certified{Keypair: key, der: der, identity: identity, since: since, token: time.Unix(claims.IssuedAt, 0)}
	return c, c.check(services)
}

// askFulcio returns a certificate for key, DER, that was not looked at.
func (s *Signer) askFulcio(ctx context.Context, services *services, key sign.Keypair, token secret.String) ([]byte, error) {
	fulcio := sign.NewFulcio(&sign.FulcioOptions{
		BaseURL:   services.fulcio,
		Timeout:   -1, // the run's context and the transport have the limits
		Transport: serviceGuard(ctx, s.options.Transport, fulcioService),
	})
	der, err := guarded(func() ([]byte, error) {
		return fulcio.GetCertificate(ctx, key, &sign.CertificateProviderOptions{IDToken: token.Reveal()})
	})
	if !isExplained(ctx, err) {
		return nil, unreadable(problem.FulcioRejected, "Fulcio, the certificate authority,", "fulcio-url", err)
	}
	return der, err
}

// check compares the certificate with the key, the identity and the trust root, so that
// a wrong one never reaches the log.
func (c *certified) check(s *services) error {
	cert, err := x509.ParseCertificate(c.der)
	if err != nil {
		return badCertificate(err)
	}
	public, ok := c.GetPublicKey().(*ecdsa.PublicKey)
	if !ok {
		return badCertificate(errors.New("the key is not of the kind that was made"))
	}
	if err := cryptoutils.EqualKeys(cert.PublicKey, public); err != nil {
		return badCertificate(err)
	}
	summary, err := certificate.SummarizeCertificate(cert)
	if err != nil {
		return badCertificate(err)
	}
	expected, err := exactly(c.identity)
	if err != nil {
		return err
	}
	if err := expected.identity.Verify(summary); err != nil {
		return badCertificate(err)
	}
	if cert.NotAfter.Before(c.token) { // neither is our clock
		return badCertificate(fmt.Errorf("it ended at %s, before the token for it was issued", cert.NotAfter.UTC().Format(time.RFC3339)))
	}
	// Its own time, not ours: the clock of a self-hosted runner may be late. The log's
	// time is what a verifier compares with.
	chains, err := sigverify.VerifyLeafCertificate(cert.NotBefore, cert, s.root)
	if err != nil {
		return badCertificate(err)
	}
	c.chain = chains[0][1:]
	if len(s.root.CTLogs()) > 0 || hasSCT(c.der) {
		if err := sigverify.VerifySignedCertificateTimestamp(chains, 1, s.root); err != nil {
			return badCertificate(fmt.Errorf("the proof that a CT log has it is missing, or of a log that the trust root does not list: %w", err))
		}
	}
	return nil
}

func badCertificate(err error) error {
	return &problem.Problem{
		Code: problem.BundleInvalid,
		What: "Fulcio, the certificate authority, gave a certificate that does not verify.",
		Why:  err.Error(),
		Fix:  "Nothing was signed. Check that trusted-root belongs to the Fulcio that signs, and that the clock of a self-hosted runner is right.",
		Err:  err,
	}
}
