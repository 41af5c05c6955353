package stack_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"seal-image/internal/sandbox/stack"
)

func TestFulcioLies(t *testing.T) {
	t.Parallel()
	testFacts(t, "fulcio", map[string][]string{
		"another-identity": {"BuildSignerURI", "SAN"},
		"another-repository": {
			"BuildConfigURI", "GithubWorkflowRepository", "RunInvocationURI", "SourceRepositoryIdentifier", "SourceRepositoryURI",
		},
		"another-ref":       {"GithubWorkflowRef", "SourceRepositoryRef"},
		"another-commit":    {"GithubWorkflowSHA", "SourceRepositoryDigest"},
		"another-key":       {"is for the key of the client"},
		"another-authority": {"is of the trusted authority"},
		"without-sct":       {"is in the trusted CT log"},
		"wrong-sct":         {"is in the trusted CT log"},
		"expired":           {"is valid"},
	}, certificateFacts)
}

// certificateFacts asks for a certificate as clients do.
func certificateFacts(t *testing.T, job *stack.Job) facts {
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
	request := fmt.Sprintf(`{"publicKeyRequest":{"publicKey":{"algorithm":"ECDSA","content":%q},"proofOfPossession":%q}}`,
		encoded, base64.StdEncoding.EncodeToString(proof))
	status, body := send(t, http.MethodPost, job.FulcioURL+"/api/v2/signingCert", token(t, job, "sigstore", ""), request)
	var answer map[string]struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("POST: %d %s", status, body)
	}
	for _, kind := range answer {
		chain, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(strings.Join(kind.Chain.Certificates, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		found := chainFacts(t, job, chain)
		own, err := cryptoutils.UnmarshalPEMToPublicKey([]byte(encoded))
		found["is for the key of the client"] = err == nil && cryptoutils.EqualKeys(own, chain[0].PublicKey) == nil
		return found
	}
	t.Fatalf("no certificate in %s", body)
	return nil
}

func chainFacts(t *testing.T, job *stack.Job, chain []*x509.Certificate) facts {
	t.Helper()
	leaf, trusted := chain[0], trustedRoot(t, job)
	summary, err := certificate.SummarizeCertificate(leaf)
	if err != nil {
		t.Fatal(err)
	}
	authority := trusted.FulcioCertificateAuthorities()[0].(*root.FulcioCertificateAuthority).Root
	found := facts{
		"SAN":                         summary.SubjectAlternativeName,
		"is valid":                    time.Now().After(leaf.NotBefore) && time.Now().Before(leaf.NotAfter),
		"is of the trusted authority": leaf.CheckSignatureFrom(authority) == nil,
		"is in the trusted CT log":    verify.VerifySignedCertificateTimestamp([][]*x509.Certificate{chain}, 1, trusted) == nil,
	}
	extensions := reflect.ValueOf(summary.Extensions)
	for _, field := range reflect.VisibleFields(extensions.Type()) {
		found[field.Name] = extensions.FieldByName(field.Name).Interface()
	}
	return found
}
