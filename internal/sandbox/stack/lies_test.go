package stack_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"seal-image/internal/sandbox/stack"
)

// lie orders a lie for every request that comes.
func lie(t *testing.T, job *stack.Job, service, name string) {
	t.Helper()
	order := fmt.Sprintf(`{"service":%q,"lie":%q}`, service, name)
	if status, body := send(t, http.MethodPost, job.Control+"/faults", "", order); status != http.StatusNoContent {
		t.Fatalf("POST /faults %s: %d %s", order, status, body)
	}
}

// A client that knows whose certificate it must get, and asks for every proof, believes no lie.
func TestLiesRefused(t *testing.T) {
	t.Parallel()
	for service, lies := range map[string]map[string]string{
		"fulcio": {
			"another-identity":   "expected SAN value",
			"another-repository": "expected SourceRepositoryURI",
			"another-ref":        "expected SourceRepositoryRef",
			"another-commit":     "expected SourceRepositoryDigest",
			"another-key":        "sign: could not verify envelope",
			"another-authority":  "leaf certificate verification failed",
			"without-sct":        "only able to verify 0 SCT entries",
			"wrong-sct":          "only able to verify 0 SCT entries",
			"expired":            "integrated time outside certificate validity",
			"garbage":            "sign: invalid character 'S'",
			"empty":              "sign: Fulcio returned no certificates",
		},
		"rekor": {
			"another-entry":         "transparency log signature does not match",
			"conflict-with-another": "transparency log signature does not match",
			"another-log":           "not enough verified log entries",
			"another-time":          "not enough verified log entries",
			"bad-set":               "not enough verified log entries",
			"no-set":                "threshold not met for verified log entry integrated timestamps",
			"bad-proof":             "calculated root",
			"no-proof":              "sign: panic",
			"bad-checkpoint":        "signature on checkpoint did not verify",
			"stale-checkpoint":      "proof root hash does not match signed tree head",
			"garbage":               "sign: invalid character 'S'",
			"empty":                 "sign: panic",
		},
		"rekor2": {
			"another-entry":    "verifying inclusion: calculated root",
			"bad-proof":        "verifying inclusion: calculated root",
			"no-proof":         "sign: inclusion proof missing",
			"bad-checkpoint":   "invalid signature for key rekor2.sandbox.test",
			"stale-checkpoint": "index is beyond size",
			"garbage":          "sign: adding rekor v2 entry",
			"empty":            "sign: validation error",
		},
		"tsa": {
			"another-digest":    "hashed messages don't match",
			"another-authority": "No certificate for signer",
			"stale":             "leaf certificate verification failed",
			"garbage":           "sign: asn1: structure error",
		},
	} {
		for name, want := range lies {
			t.Run(service+"/"+name, func(t *testing.T) {
				t.Parallel()
				job := newJob(t)
				lie(t, job, service, name)
				err := signAndCheck(t, job, service == "rekor2")
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("sign and verify: %v, want %q", err, want)
				}
			})
		}
	}
}

// What a lie is not about is as in truth.
func TestLiesAreNarrow(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	for _, order := range [][2]string{{"fulcio", "another-identity"}, {"rekor", "bad-set"}, {"rekor2", "empty"}} {
		lie(t, job, order[0], order[1])
	}
	badToken := token(t, job, "elsewhere", "")
	for _, test := range []struct {
		method, url, bearer, body string
		want                      int
	}{
		{http.MethodGet, job.FulcioURL + "/api/v2/trustBundle", "", "", http.StatusOK},
		{http.MethodPost, job.FulcioURL + "/api/v2/signingCert", badToken, "{}", http.StatusBadRequest},
		{http.MethodPost, job.FulcioURL + "/api/v1/signingCert", badToken, legacyRequest(t), http.StatusNotImplemented},
		{http.MethodGet, job.RekorURL + "/api/v1/log", "", "", http.StatusOK},
		{http.MethodPost, job.RekorURL + "/api/v1/log/entries", "", "{}", http.StatusUnprocessableEntity},
		{http.MethodGet, job.RekorV2URL + "/api/v2/checkpoint", "", "", http.StatusOK},
	} {
		if status, body := send(t, test.method, test.url, test.bearer, test.body); status != test.want {
			t.Errorf("%s %s: %d %s, want %d", test.method, test.url, status, body, test.want)
		}
	}
}

func signAndCheck(t *testing.T, job *stack.Job, v2 bool) error {
	t.Helper()
	log := &sign.RekorOptions{BaseURL: job.RekorURL}
	if v2 {
		log = &sign.RekorOptions{BaseURL: job.RekorV2URL, Version: 2}
	}
	signed, err := trySign(t, job, token(t, job, "sigstore", ""), log)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if v2 {
		return checkAll(t, job, signed)
	}
	return checkAll(t, job, signed, verify.WithIntegratedTimestamps(1))
}

// checkAll verifies the whole identity, which is that of the tokens of the sandbox.
func checkAll(t *testing.T, job *stack.Job, b *bundle.Bundle, options ...verify.VerifierOption) error {
	t.Helper()
	verifier, err := verify.NewVerifier(trustedRoot(t, job), append(options,
		verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1))...)
	if err != nil {
		t.Fatal(err)
	}
	san, err := verify.NewSANMatcher(identity, "")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := verify.NewIssuerMatcher(issuer, "")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := verify.NewCertificateIdentity(san, issued, certificate.Extensions{
		SourceRepositoryURI:    "https://github.com/acme/demo",
		SourceRepositoryRef:    "refs/heads/main",
		SourceRepositoryDigest: "8f6a3c1e0b5d4f7a9c2e1d0b3a4c5d6e7f809a1b",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.Verify(b, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithCertificateIdentity(policy)))
	return err
}
