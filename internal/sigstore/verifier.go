package sigstore

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"

	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"seal-image/internal/attest"
)

var (
	_ attest.Verifier  = (*Verifier)(nil)
	_ attest.TrustRoot = (*Verifier)(nil)
)

// VerifierOptions are those of [NewVerifier].
type VerifierOptions struct {
	Instance  Instance // its trust root; the services are not asked
	Expected  attest.Expectation
	Transport http.RoundTripper // with retries
}

// Verifier verifies what others have signed: this action, cosign or actions/attest.
type Verifier struct {
	options VerifierOptions
	trust   *trust
	policy  policy

	mu       sync.Mutex
	verifier *verifier // nil until it is loaded
}

// NewVerifier returns a Verifier. It checks the files of the instance and makes no request.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	t, err := newTrust(o.Instance)
	if err != nil {
		return nil, err
	}
	p, err := expected(o.Expected)
	if err != nil {
		return nil, err
	}
	return &Verifier{options: o, trust: t, policy: p}, nil
}

// Load fetches the trust root.
func (v *Verifier) Load(ctx context.Context) error {
	trusted, _, err := v.trust.material(ctx, v.options.Transport, false)
	if err != nil {
		return err
	}
	if len(trusted.FulcioCertificateAuthorities()) == 0 {
		return unverifiable("no certificate authority")
	}
	if len(trusted.RekorLogs()) == 0 && len(trusted.TimestampingAuthorities()) == 0 {
		return unverifiable("neither a transparency log nor a timestamp authority")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.verifier = &verifier{root: trusted}
	return nil
}

// Verify implements [attest.Verifier] for who is expected. The error says what was expected
// and what was found, in the words of the library.
func (v *Verifier) Verify(stored attest.Stored, about attest.Manifest) (*attest.Bundle, error) {
	v.mu.Lock()
	loaded := v.verifier
	v.mu.Unlock()
	if loaded == nil {
		return nil, errors.New("nothing to verify with: the trust root is not loaded")
	}
	b, err := loaded.open(stored, about, v.policy, sigverify.WithObserverTimestamps(1))
	return b, bySomebodyElse(err)
}

// bySomebodyElse marks the error of what verifies but for who has signed. The library
// compares that last, and says what it expected for each signer that would do.
func bySomebodyElse(err error) error {
	none, ok := errors.AsType[*sigverify.ErrNoMatchingCertificateIdentity](err)
	if !ok {
		return err
	}
	return &attest.OtherSigner{Err: cmp.Or(errors.Join(none.Unwrap()...), err)}
}
