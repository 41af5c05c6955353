package stack_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"seal-image/internal/sandbox/stack"
)

const (
	issuer   = "https://token.actions.githubusercontent.com"
	identity = "https://github.com/acme/demo/.github/workflows/release.yml@refs/heads/main"
	other    = "acme/other/.github/workflows/release.yml@refs/heads/main"

	statement = `{"_type":"https://in-toto.io/Statement/v1",` +
		`"subject":[{"name":"app","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],` +
		`"predicateType":"https://example.com/predicate","predicate":{}}`
)

// token asks for a job's token, with more parameters if there are any.
func token(t *testing.T, job *stack.Job, audience, parameters string) string {
	t.Helper()
	status, body := send(t, http.MethodGet,
		job.IDTokenRequestURL+"&audience="+audience+parameters, job.IDTokenRequestToken, "")
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("token: %d %s", status, body)
	}
	return answer.Value
}

func newKeypair(t *testing.T) *sign.EphemeralKeypair {
	t.Helper()
	keypair, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	return keypair
}

func signStatement(t *testing.T, job *stack.Job, idToken string) *bundle.Bundle {
	t.Helper()
	return signLogged(t, job, idToken, &sign.RekorOptions{BaseURL: job.RekorURL})
}

func signLogged(t *testing.T, job *stack.Job, idToken string, log *sign.RekorOptions) *bundle.Bundle {
	t.Helper()
	signed, err := trySign(t, job, idToken, log)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// trySign returns an error for a panic, too: Rekor's client does not look whether an entry has a proof.
func trySign(t *testing.T, job *stack.Job, idToken string, log *sign.RekorOptions) (b *bundle.Bundle, err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	content := &sign.DSSEData{Data: []byte(statement), PayloadType: "application/vnd.in-toto+json"}
	signed, err := sign.Bundle(content, newKeypair(t), sign.BundleOptions{
		CertificateProvider:        sign.NewFulcio(&sign.FulcioOptions{BaseURL: job.FulcioURL}),
		CertificateProviderOptions: &sign.CertificateProviderOptions{IDToken: idToken},
		TimestampAuthorities:       []*sign.TimestampAuthority{sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: job.TSAURL})},
		TransparencyLogs:           []sign.Transparency{sign.NewRekor(log)},
		Context:                    t.Context(),
	})
	if err != nil {
		return nil, err
	}
	return bundle.NewBundle(signed)
}

// check verifies everything there is to verify: certificate, SCT, log entry, timestamp, identity,
// and what else the options ask for.
func check(t *testing.T, job *stack.Job, b *bundle.Bundle, options ...verify.VerifierOption) error {
	t.Helper()
	verifier, err := verify.NewVerifier(trustedRoot(t, job), append(options,
		verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1))...)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := verify.NewShortCertificateIdentity(issuer, "", identity, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.Verify(b, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithCertificateIdentity(policy)))
	return err
}

func TestSign(t *testing.T) {
	t.Parallel()
	first, second := newJob(t), newJob(t)
	signed := signStatement(t, second, token(t, second, "sigstore", ""))
	if err := check(t, second, signed, verify.WithIntegratedTimestamps(1)); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := check(t, first, signed); err != nil {
		t.Errorf("verify with the trusted root of another job: %v", err)
	}
	want := []string{
		"oidc GET /_apis/idtoken 200",
		"fulcio POST /api/v2/signingCert 200",
		"tsa POST /api/v1/timestamp 200",
		"rekor POST /api/v1/log/entries 201",
	}
	if diff := cmp.Diff(want, requests(t, second)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{}, requests(t, first)); diff != "" {
		t.Errorf("requests of the other job (-want +got):\n%s", diff)
	}
}

func TestSignAsOther(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	signed := signStatement(t, job, token(t, job, "sigstore", "&claim.job_workflow_ref="+other))
	err := check(t, job, signed)
	if err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("verify: %v, want the identity %s to be refused", err, other)
	}
}

// cosign 2 asks Fulcio's first API, which answers PEM.
func TestFulcioLegacy(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"job":            {token(t, job, "sigstore", ""), http.StatusCreated},
		"wrong audience": {token(t, job, "elsewhere", ""), http.StatusBadRequest},
		"wrong issuer":   {token(t, job, "sigstore", "&claim.iss=https://issuer.example.com"), http.StatusBadRequest},
		"not a token":    {"token", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := send(t, http.MethodPost, job.FulcioURL+"/api/v1/signingCert", test.token, legacyRequest(t))
			if status != test.want {
				t.Fatalf("status %d %s, want %d", status, body, test.want)
			}
			if status != http.StatusCreated {
				return
			}
			chain, err := cryptoutils.UnmarshalCertificatesFromPEM(body)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(chain[0].URIs, len(chain)); got != fmt.Sprintf("[%s] 2", identity) {
				t.Errorf("certificate of %s", got)
			}
			if chain[0].ExtKeyUsage[0] != x509.ExtKeyUsageCodeSigning {
				t.Errorf("key usages %v", chain[0].ExtKeyUsage)
			}
		})
	}
}

// legacyRequest proves that we hold a key, by a signature of the token's subject.
func legacyRequest(t *testing.T) string {
	t.Helper()
	keypair := newKeypair(t)
	encoded, err := keypair.GetPublicKeyPem()
	if err != nil {
		t.Fatal(err)
	}
	proof, _, err := keypair.SignData(t.Context(), []byte("repo:acme/demo:ref:refs/heads/main"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(encoded))
	return fmt.Sprintf(`{"publicKey":{"algorithm":"ecdsa","content":%q},"signedEmailAddress":%q}`,
		base64.StdEncoding.EncodeToString(block.Bytes), base64.StdEncoding.EncodeToString(proof))
}
