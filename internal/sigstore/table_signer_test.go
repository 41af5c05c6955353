package sigstore_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
	"seal-image/internal/sigstore"
)

// signerCase is a Sigstore, or a token, with which a Signer must not go on.
type signerCase struct {
	name    string
	options func(sigstore.Options) sigstore.Options
	root    func(*trusted)
	fulcio  func(*testing.T, *instance) http.Handler // in place of Fulcio
	token   map[string]any                           // what differs in the second token, with which it signs
	code    problem.Code
	words   string
}

var signerCases = []signerCase{
	{name: "trust root without an authority", root: func(p *trusted) { p.authorities = nil }, code: problem.TrustRoot, words: "no certificate authority"},
	{name: "trust root without a log", root: func(p *trusted) { p.logs = nil }, code: problem.TrustRoot, words: "no transparency log"},
	{name: "trust root without a timestamp authority", options: withTimestamps, root: func(p *trusted) { p.timestamps = nil }, code: problem.TrustRoot, words: "no timestamp authority"},
	{name: "certificate of another key", fulcio: ofAnotherKey, code: problem.BundleInvalid, words: "public key"},
	{name: "certificate of another authority, where there is no CT log", root: withoutCTLog, fulcio: ofAnotherAuthority, code: problem.BundleInvalid, words: "leaf certificate verification failed"},
	{name: "SCT of a CT log that the trust root does not list", root: withoutCTLog, code: problem.BundleInvalid, words: "CT log"},
	{name: "repository that became private", options: onPublicFulcio, token: map[string]any{"repository_visibility": "private"}, code: problem.PrivateRepository, words: "not public"},
}

// TestSignerStops: the Signer stops before anything is in the log for good.
func TestSignerStops(t *testing.T) {
	t.Parallel()
	for _, c := range signerCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c signerCase) run(t *testing.T) {
	i := newInstance(t)
	publicFulcio(i)
	o := options(t, i, token(t, claims(nil)))
	if c.options != nil {
		o = c.options(o)
	}
	if bundles, err := newSigner(t, o).Sign(t.Context(), three(t)[:1]); err != nil || len(bundles) != 1 {
		t.Fatalf("it stops as it was: %v", err)
	}
	logged := i.requests["rekor.example.com"]
	o.Instance.TrustedRoot = file(i.trust(t, c.root))
	if c.fulcio != nil {
		i.intercept["fulcio.example.com"] = c.fulcio(t, i)
	}
	tokens := []string{token(t, claims(nil)), token(t, claims(c.token))}
	o.Token = func(context.Context, string) (secret.String, error) {
		next := tokens[0]
		tokens = append(tokens[1:], next)
		return secret.New(next), nil
	}
	s := newSigner(t, o)
	_, _, err := check(t.Context(), s)
	var bundles []*attest.Bundle
	if err == nil {
		bundles, err = s.Sign(t.Context(), three(t)[:1])
	}
	if p := problem.From(err); p == nil || p.Code != c.code || !strings.Contains(p.What+p.Why, c.words) {
		t.Errorf("got %v, want %s: %s", err, c.code, c.words)
	}
	if len(bundles) > 0 || i.requests["rekor.example.com"] > logged {
		t.Error("something was logged")
	}
}

// ofAnotherKey is a Fulcio that certifies a key of its own for the job.
func ofAnotherKey(t *testing.T, i *instance) http.Handler {
	t.Helper()
	der, err := i.leaf(&newKey(t).PublicKey, claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	body, err := json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{certificate}}}})
	if err != nil {
		t.Fatal(err)
	}
	return answer(http.StatusOK, string(body))
}

// ofAnotherAuthority is a Fulcio that the trust root does not know, without a CT log.
func ofAnotherAuthority(t *testing.T, _ *instance) http.Handler {
	t.Helper()
	other := newServices(t)
	other.noSCT = true
	return http.HandlerFunc(other.service)
}

// publicFulcio gives the Fulcio of an instance the public name too; it never leaves this
// process.
func publicFulcio(i *instance) {
	i.intercept["fulcio.sigstore.dev"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Host = "fulcio.example.com"
		i.service(w, req)
	})
}

func onPublicFulcio(o sigstore.Options) sigstore.Options {
	o.Instance.FulcioURL = "http://fulcio.sigstore.dev"
	return o
}
