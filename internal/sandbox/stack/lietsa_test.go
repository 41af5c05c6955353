package stack_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"

	"seal-image/internal/sandbox/stack"
)

func TestTimestampLies(t *testing.T) {
	t.Parallel()
	testFacts(t, "tsa", map[string][]string{
		"another-digest":    {"is of the bytes"},
		"another-authority": {"is of the trusted authority"},
		"stale":             {"is of now"},
	}, timestampFacts)
}

// timestampFacts asks for a timestamp. Parsing it checks its signature.
func timestampFacts(t *testing.T, job *stack.Job) facts {
	t.Helper()
	digest := sha256.Sum256([]byte("bytes"))
	nonce := big.NewInt(42)
	query, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Nonce: nonce, Certificates: true}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, job.TSAURL, bytes.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	answer, err := timestamp.ParseResponse(body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	authority := trustedRoot(t, job).TimestampingAuthorities()[0].(*root.SigstoreTimestampingAuthority).Leaf
	return facts{
		"is of the bytes":             bytes.Equal(answer.HashedMessage, digest[:]),
		"is of the trusted authority": answer.Certificates[0].Equal(authority),
		"is of now":                   time.Since(answer.Time) < time.Minute,
		"has the nonce":               answer.Nonce.Cmp(nonce) == 0,
		"policy":                      answer.Policy.String(),
	}
}
