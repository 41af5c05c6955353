package sigstore_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/sigstore"
)

// TestNoSCT: a certificate without SCT signs nothing.
//
// faults: F14
func TestNoSCT(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.noSCT = true
	o := options(t, i, token(t, claims(nil)))
	_, err := newSigner(t, o).Sign(t.Context(), three(t)[:1])
	goldenProblem(t, "no-sct", err)
	if i.requests["rekor.example.com"] > 0 {
		t.Error("something was logged")
	}

	o.Instance.TrustedRoot = file(i.trust(t, withoutCTLog))
	if _, err := newSigner(t, o).Sign(t.Context(), three(t)[:1]); err != nil {
		t.Errorf("where there is no CT log: %v", err)
	}
}

// A certificate for somebody else never reaches the log.
//
// faults: F13
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	mine := token(t, claims(nil))
	for name, c := range map[string]struct {
		claims map[string]any
		ca     *instance
	}{
		"other repository": {claims: map[string]any{"repository": "acme/fork"}},
		"other ref":        {claims: map[string]any{"ref": "refs/heads/attack"}},
		"other commit":     {claims: map[string]any{"sha": "2222222222222222222222222222222222222222"}},
		"other issuer":     {claims: map[string]any{"iss": "https://token.example.com"}},
		"other workflow":   {claims: map[string]any{"job_workflow_ref": "acme/app/.github/workflows/x.yml@main"}},
		"other CA":         {ca: newInstance(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			issuing := i
			if c.ca != nil {
				issuing = c.ca
			}
			i.intercept["fulcio.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Header.Set("Authorization", "Bearer "+token(t, claims(c.claims)))
				issuing.service(w, req)
			})
			_, err := newSigner(t, options(t, i, mine)).Sign(t.Context(), three(t))
			if p := problem.From(err); p == nil || p.Code != problem.BundleInvalid || !strings.Contains(p.What, "certificate") {
				t.Errorf("got %v", err)
			}
			if i.requests["rekor.example.com"] > 0 {
				t.Error("something was logged")
			}
		})
	}
}

// TestCertificateOfThePast: one that had ended before the token for it was issued is not
// signed with, whatever our clock says. The log would take the entry.
//
// faults: F15
func TestCertificateOfThePast(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	later := token(t, claims(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}))
	_, err := newSigner(t, options(t, i, later)).Sign(t.Context(), three(t)[:1])
	wantInvalid(t, "a certificate of the past", err)
	if i.requests["rekor.example.com"] > 0 {
		t.Error("something was logged")
	}
}

// TestKeyOfTheRun: one key and certificate serve until they are old; then there are new ones,
// before the certificate's ten minutes are over.
func TestKeyOfTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newServices(t)
		s := newSigner(t, options(t, i, token(t, claims(nil))))
		sign := func() string {
			bundles, err := s.Sign(t.Context(), three(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range bundles {
				if string(b.Layer.Certificate) != string(bundles[0].Layer.Certificate) {
					t.Error("statements of one call have different certificates")
				}
			}
			return string(bundles[0].Layer.Certificate)
		}
		first := sign()
		time.Sleep(sigstore.KeyLife - time.Millisecond)
		if sign() != first || i.requests["fulcio.example.com"] != 1 {
			t.Errorf("a young key was not used again: %d certificates", i.requests["fulcio.example.com"])
		}
		time.Sleep(time.Millisecond)
		second := sign()
		if second == first || i.requests["fulcio.example.com"] != 2 {
			t.Errorf("an old key was used again: %d certificates", i.requests["fulcio.example.com"])
		}
		if sign() != second {
			t.Error("the new key was not used again")
		}
	})
	if sigstore.KeyLife >= 10*time.Minute {
		t.Errorf("a key is used for %v; its certificate is valid for ten minutes", sigstore.KeyLife)
	}
}

// TestKeyAfterFailure: a certificate that was refused or wrong is not kept.
func TestKeyAfterFailure(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.noSCT = true
	s := newSigner(t, options(t, i, token(t, claims(nil))))
	if _, err := s.Sign(t.Context(), three(t)); err == nil {
		t.Fatal("no error")
	}
	i.noSCT = false
	bundles, err := s.Sign(t.Context(), three(t))
	if err != nil || len(bundles) != 3 {
		t.Errorf("%d bundles, error %v", len(bundles), err)
	}
	if _, err := s.Verify(attest.Stored{Form: attest.FormBundle, Content: bundles[0].JSON}, about(t, "a")); err != nil {
		t.Error(err)
	}
}
