// Package sigstore signs as the workflow that runs this job: one OIDC token, one key and
// one Fulcio certificate per run, a Rekor entry per statement, and a complete
// verification of each bundle before it leaves the package. There is no way to switch the
// verification off.
//
// Specification: https://github.com/sigstore/architecture-docs/blob/main/client-spec.md
package sigstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/sign"
	"golang.org/x/sync/errgroup"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

var (
	_ attest.Signer   = (*Signer)(nil)
	_ attest.Verifier = (*Signer)(nil)
)

// Options of [New].
type Options struct {
	Instance  Instance
	Audience  string                                                            // of the OIDC token, e.g. "sigstore"
	Token     func(ctx context.Context, audience string) (secret.String, error) // a fresh OIDC token
	Transport http.RoundTripper                                                 // with retries
	Job       Job
}

// Job is what the environment says of the job; the token's claims win over it.
type Job struct {
	ServerURL       string // e.g. https://github.com
	Visibility      string // of the repository: "public", "private", "internal" or "" if unknown
	PrivateIsPublic bool   // the user wants a private repository to appear in public services
}

// Signer signs and verifies for one run.
type Signer struct {
	options Options
	trust   *trust

	mu       sync.Mutex
	services *services // known after the first use
	identity attest.Identity
}

// New returns a Signer. It checks the files of the instance and makes no request.
func New(o Options) (*Signer, error) {
	t, err := newTrust(o.Instance)
	if err != nil {
		return nil, err
	}
	return &Signer{options: o, trust: t}, nil
}

// Check implements [attest.Signer].
func (s *Signer) Check(ctx context.Context) (attest.Identity, error) {
	_, claims, err := s.token(ctx)
	if err != nil {
		return attest.Identity{}, err
	}
	services, err := s.load(ctx)
	if err != nil {
		return attest.Identity{}, err
	}
	if err := s.guardPrivate(claims, services); err != nil {
		return attest.Identity{}, err
	}
	identity, err := claims.identity(s.options.Job.ServerURL)
	if err != nil {
		return attest.Identity{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity = identity
	return identity, nil
}

// token fetches a token and reads its claims.
func (s *Signer) token(ctx context.Context) (secret.String, *claims, error) {
	token, err := s.options.Token(ctx, s.options.Audience)
	if err != nil {
		return secret.String{}, nil, err
	}
	c, err := parseClaims(token, s.options.Audience)
	return token, c, err
}

// load finds the services and the trust root, once.
func (s *Signer) load(ctx context.Context) (*services, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.services != nil {
		return s.services, nil
	}
	services, err := s.trust.load(ctx, s.options.Transport)
	if err != nil {
		return nil, err
	}
	s.services = services
	return services, nil
}

// maxSigning bounds the log requests under way at once; public Rekor limits requests by
// address, and runners share theirs.
const maxSigning = 6

// Sign implements [attest.Signer]. When one statement fails, the others are finished all
// the same: their entries may be in the log already, and the caller must learn of them.
func (s *Signer) Sign(ctx context.Context, statements []*attest.Statement) ([]*attest.Bundle, error) {
	services, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if err := services.fits(statements); err != nil {
		return nil, err
	}
	key, err := s.certify(ctx, services)
	if err != nil {
		return nil, err
	}
	bundles := make([]*attest.Bundle, len(statements))
	errs := make([]error, len(statements))
	var group errgroup.Group
	group.SetLimit(maxSigning)
	for i, st := range statements {
		group.Go(func() error {
			bundles[i], errs[i] = s.signOne(ctx, services, key, st)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, one per statement
	var public []*attest.Bundle
	for _, b := range bundles {
		if b != nil {
			public = append(public, b)
		}
	}
	return public, first(errs)
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// maxPublicRequest is the size above which the public Rekor drops a request without a word:
// https://github.com/sigstore/rekor/issues/2808. Other logs answer for themselves.
const maxPublicRequest = 4 << 20

// fits refuses what the log would not take, before anything is public.
func (s *services) fits(statements []*attest.Statement) error {
	for _, st := range statements {
		// A log of version 1 gets the whole envelope, its payload in base64.
		size := base64.StdEncoding.EncodedLen(len(st.Payload))
		if size <= maxPublicRequest || !below(s.rekor, "sigstore.dev") {
			continue
		}
		return &problem.Problem{
			Code: problem.SBOMTooLarge,
			What: fmt.Sprintf("The SBOM of %s is too large for the public transparency log.", st.About.Ref),
			Why:  fmt.Sprintf("It has %.1f MiB, which makes a request of %.1f MiB; the log refuses more than 4 MiB. Nothing was signed.", mib(len(st.Payload)), mib(size)),
			Fix:  "Sign without SBOM with `sbom: false`, or use a Rekor of your own: fulcio-url, rekor-url and trusted-root.",
		}
	}
	return nil
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }

// certify makes the key of the run and has it certified. The certificate is checked
// before anything is signed with it.
func (s *Signer) certify(ctx context.Context, services *services) (*certified, error) {
	token, claims, err := s.token(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.guardPrivate(claims, services); err != nil {
		return nil, err
	}
	key, err := sign.NewEphemeralKeypair(nil) // ECDSA P-256
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	fulcio := sign.NewFulcio(&sign.FulcioOptions{
		BaseURL:   services.fulcio,
		Timeout:   -1, // the run's context and the transport have the limits
		Transport: fulcioGuard(ctx, s.options.Transport),
	})
	der, err := fulcio.GetCertificate(ctx, key, &sign.CertificateProviderOptions{IDToken: token.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("get certificate: %w", err)
	}
	identity, err := claims.identity(s.options.Job.ServerURL)
	if err != nil {
		return nil, err
	}
	c := &certified{Keypair: key, der: der, identity: identity}
	s.mu.Lock()
	s.identity = c.identity
	s.mu.Unlock()
	return c, c.check(services)
}

// signOne signs, logs and verifies one statement.
func (s *Signer) signOne(ctx context.Context, services *services, key *certified, st *attest.Statement) (*attest.Bundle, error) {
	start := time.Now()
	proto, err := sign.Bundle(
		&sign.DSSEData{Data: st.Payload, PayloadType: attest.PayloadType},
		key.Keypair,
		sign.BundleOptions{
			Context:              ctx,
			CertificateProvider:  key,
			TimestampAuthorities: services.timestampAuthorities(ctx, s.options.Transport),
			TransparencyLogs:     []sign.Transparency{services.log(ctx, s.options.Transport)},
		})
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	b, err := newBundle(proto, st, key.identity, services)
	if err != nil {
		return nil, err
	}
	if err := verify(services, key.identity, b.JSON, st); err != nil {
		return b, notValid(st, err) // it is in the log all the same
	}
	b.Took = time.Since(start).Round(time.Millisecond)
	return b, nil
}

// Verify implements [attest.Verifier] for the identity of this run.
func (s *Signer) Verify(bundle []byte, want *attest.Statement) error {
	s.mu.Lock()
	services, identity := s.services, s.identity
	s.mu.Unlock()
	if services == nil || identity == (attest.Identity{}) {
		return errors.New("nothing to verify with: the identity of the run is not known yet")
	}
	if err := verify(services, identity, bundle, want); err != nil {
		return notValid(want, err)
	}
	return nil
}
