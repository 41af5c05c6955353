package stack_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/rekor-tiles/v2/pkg/client/read"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"

	"seal-image/internal/sandbox/stack"
)

const entriesV2 = "/api/v2/log/entries"

func TestSignRekorV2(t *testing.T) {
	t.Parallel()
	first, second := newJob(t), newJob(t)
	signed := signLogged(t, second, token(t, second, "sigstore", ""), &sign.RekorOptions{BaseURL: second.RekorV2URL, Version: 2})
	for name, job := range map[string]*stack.Job{"its own": second, "another": first} {
		if err := check(t, job, signed); err != nil {
			t.Errorf("verify with the trusted root of %s job: %v", name, err)
		}
	}
	want := []string{
		"oidc GET /_apis/idtoken 200",
		"fulcio POST /api/v2/signingCert 200",
		"tsa POST /api/v1/timestamp 200",
		"rekor2 POST /api/v2/log/entries 201",
	}
	if diff := cmp.Diff(want, requests(t, second)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A monitor finds an entry in the tree of the checkpoint, and the entry itself.
func TestReadRekorV2(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	status, body := send(t, http.MethodPost, job.RekorV2URL+entriesV2, "", hashedRekord(t, "read me"))
	var entry struct {
		LogIndex          uint64 `json:"logIndex,string"`
		CanonicalizedBody []byte `json:"canonicalizedBody"`
	}
	if err := json.Unmarshal(body, &entry); err != nil || status != http.StatusCreated {
		t.Fatalf("POST: %d %s", status, body)
	}
	log := readRekorV2(t, job)
	checkpoint, _, err := log.ReadCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := client.FetchLeafHashes(t.Context(), log.ReadTile, entry.LogIndex, 1, checkpoint.Size)
	if err != nil {
		t.Fatal(err)
	}
	if want := rfc6962.DefaultHasher.HashLeaf(entry.CanonicalizedBody); !bytes.Equal(hashes[0], want) {
		t.Errorf("leaf %d is %x, want %x", entry.LogIndex, hashes[0], want)
	}
	bundle, err := client.GetEntryBundle(t.Context(), log.ReadEntryBundle, 0, checkpoint.Size)
	if err != nil {
		t.Fatal(err)
	}
	if got := bundle.Entries[entry.LogIndex]; !bytes.Equal(got, entry.CanonicalizedBody) {
		t.Errorf("entry %d is %s, want %s", entry.LogIndex, got, entry.CanonicalizedBody)
	}
}

func readRekorV2(t *testing.T, job *stack.Job) read.Client {
	t.Helper()
	verifier, err := signature.LoadVerifier(rekorLog(t, job, "https://rekor2.sandbox.test").PublicKey, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := read.NewReader(job.RekorV2URL+"/api/v2/", "rekor2.sandbox.test", verifier)
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

func TestRekorV2Refuses(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	twice := hashedRekord(t, "twice")
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"first", twice, http.StatusCreated, `"logIndex"`},
		{"known entry", twice, http.StatusConflict, "an equivalent entry already exists in the transparency log with index "},
		{"another digest", strings.Replace(hashedRekord(t, "a"), `"digest":"`, `"digest":"AAAA`, 1), http.StatusBadRequest, "invalid hashedrekord request"},
		{"unknown field", `{"hashedRekordRequestV001":{}}`, http.StatusBadRequest, "unknown field"},
		{"nothing", `{}`, http.StatusBadRequest, "invalid type, must be hashedrekord"},
		{"too much", `{"x":"` + strings.Repeat("x", 5<<20) + `"}`, http.StatusBadRequest, "too large"},
	} {
		status, answer := send(t, http.MethodPost, job.RekorV2URL+entriesV2, "", test.body)
		if status != test.status || !strings.Contains(string(answer), test.want) {
			t.Errorf("%s: %d %s, want %d with %q", test.name, status, answer, test.status, test.want)
		}
	}
}

// hashedRekord is a request to log a signature of a text by a new key.
func hashedRekord(t *testing.T, text string) string {
	t.Helper()
	keypair := newKeypair(t)
	encoded, err := keypair.GetPublicKeyPem()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(encoded))
	signed, _, err := keypair.SignData(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	quote := func(v []byte) string {
		quoted, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	}
	return fmt.Sprintf(`{"hashedRekordRequestV002":{"digest":%s,"signature":{"content":%s,`+
		`"verifier":{"publicKey":{"rawBytes":%s},"keyDetails":"PKIX_ECDSA_P256_SHA_256"}}}}`,
		quote(digest[:]), quote(signed), quote(block.Bytes))
}
