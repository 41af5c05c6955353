// Package sigstore signs as the workflow that runs this job: one OIDC token, one key and
// one Fulcio certificate per run, a Rekor entry per statement, and a complete
// verification of each bundle before it leaves the package. There is no way to switch the
// verification off.
//
// Specification: https://github.com/sigstore/architecture-docs/blob/main/client-spec.md
package sigstore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"

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
	Format    attest.SignatureFormat                                            // for whom to sign; empty is [attest.Both]
	Audience  string                                                            // of the OIDC token, e.g. "sigstore"
	Token     func(ctx context.Context, audience string) (secret.String, error) // a fresh OIDC token
	Transport http.RoundTripper                                                 // with retries
	Log       *slog.Logger
	Job       Job
	Wait      time.Duration // how long an outage of Fulcio, Rekor or a timestamp authority is waited out
}

// Job is what the environment says of the job; the token's claims win over it.
type Job struct {
	ServerURL       string // e.g. https://github.com
	Visibility      string // of the repository: "public", "private", "internal" or "" if unknown
	PrivateIsPublic bool   // the user wants a private repository to appear in public services
	Provenance      bool   // the identity has to name the run, and the certificate with it
}

// Signer signs and verifies for one run.
type Signer struct {
	options  Options
	trust    *trust
	patience *patience

	loading  sync.Mutex
	services *services // that sign
	unknown  error     // why they are not known

	mu       sync.Mutex
	claims   *claims // of the token that was checked
	identity attest.Identity
	key      *certified // of the run, while it is young
}

// New returns a Signer. It checks the files of the instance and makes no request.
func New(o Options) (*Signer, error) {
	t, err := newTrust(o.Instance)
	if err != nil {
		return nil, err
	}
	o.Format = cmp.Or(o.Format, attest.Both)
	return &Signer{options: o, trust: t, patience: &patience{limit: o.Wait, log: o.Log}}, nil
}

// Check implements [attest.Signer].
func (s *Signer) Check(ctx context.Context) (attest.Identity, error) {
	_, claims, err := s.token(ctx)
	if err != nil {
		return attest.Identity{}, err
	}
	identity, err := claims.identity(s.options.Job)
	if err != nil {
		return attest.Identity{}, err
	}
	s.mu.Lock()
	s.identity, s.claims = identity, claims
	s.mu.Unlock()
	go func() { _, _ = s.load(ctx) }() // Ready has what became of it
	return identity, nil
}

// Ready implements [attest.Signer].
func (s *Signer) Ready(ctx context.Context) (attest.SignatureFormat, error) {
	services, err := s.load(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	claims := s.claims
	s.mu.Unlock()
	if err := s.guardPrivate(claims, services); err != nil {
		return "", err
	}
	if s.options.Format == attest.Both && services.format == attest.Bundles {
		s.options.Log.WarnContext(ctx, "The log of this Sigstore is of version 2, which has nothing for verifiers older than cosign 2.6: `signature-format: both` signs as `bundle` does.")
	}
	return services.format, nil
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

// load finds the services and the trust root, or why they cannot be found, once.
func (s *Signer) load(ctx context.Context) (*services, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.services == nil && s.unknown == nil {
		s.services, s.unknown = guarded(func() (*services, error) {
			return s.trust.load(ctx, s.options.Transport, s.options.Format)
		})
	}
	return s.services, s.unknown
}

// signOne signs, logs and verifies one statement.
func (s *Signer) signOne(ctx context.Context, services *services, key *certified, st *attest.Statement) (*attest.Bundle, error) {
	start := time.Now()
	proto, err := s.log(ctx, services, key, st)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	b, err := newBundle(proto, st, key.chain)
	if err != nil {
		return nil, err
	}
	if b.JSON, err = encode(proto); err != nil {
		return nil, err
	}
	b.Signer, b.Entry.URL = key.identity, services.entryURL(b.Entry)
	if err := services.verifyNew(b, key.identity); err != nil {
		return b, notValid(st.About, err) // it is in the log all the same
	}
	b.Took = time.Since(start).Round(time.Millisecond)
	return b, nil
}

// log signs a statement, has the time of that signed, and logs it.
func (s *Signer) log(ctx context.Context, services *services, key *certified, st *attest.Statement) (*protobundle.Bundle, error) {
	var content sign.Content = &sign.DSSEData{Data: st.Payload, PayloadType: st.PayloadType}
	if st.IsSimpleSigning() {
		content = &sign.PlainData{Data: st.Payload}
	}
	options := sign.BundleOptions{
		Context:              ctx,
		CertificateProvider:  key,
		TimestampAuthorities: services.timestampAuthorities(ctx, s.options.Transport),
		TransparencyLogs:     []sign.Transparency{services.log(ctx, s.options.Transport)},
	}
	made, err := guarded(func() (*protobundle.Bundle, error) { return sign.Bundle(content, key, options) })
	if !isExplained(ctx, err) && len(services.timestamp) > 0 { // the log explains itself
		return nil, unreadable(problem.TimestampUnavailable, "The timestamp authority", "timestamp-url, or the signing config,", err)
	}
	return made, err
}
