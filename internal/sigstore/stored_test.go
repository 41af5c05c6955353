package sigstore_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/attest"
	"seal-image/internal/sigstore"
)

// storedFolder has what one instance has signed and answered once and for all. Fuzzing runs
// in processes that share no keys; and what verified must verify tomorrow.
const storedFolder = "testdata/stored"

// storedForms are the ways of signing in that folder.
var storedForms = map[string]func(*signing){
	"v1.bundle": nil, "v1-tsa.bundle": stamped, "v1-proof.bundle": proven, "v2.bundle": version2, "v1-body2.bundle": body2,
	"att.layer": layerAtt, "sig.layer": layerSig,
}

// TestStored verifies what is stored. UPDATE=stored makes all of it anew.
func TestStored(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDATE") == "stored" {
		store(t)
	}
	verifier := storedVerifier(t)
	for name := range storedForms {
		stored := readStored(t, name)
		got, err := verifier.Verify(stored, about(t, "a"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Signer != identity {
			t.Errorf("%s is signed by %+v", name, got.Signer)
		}
	}
}

// store writes the folder.
func store(t *testing.T) {
	t.Helper()
	home := newSigning(t).home
	storeFile(t, "trusted_root.json", home.trustedRoot(t))
	for name, way := range storedForms {
		s := newSigning(t)
		s.home, s.ca, s.logs[0].by = home, home, home
		if way != nil {
			way(s)
		}
		stored := s.stored()
		content := stored.Content
		if stored.Form != attest.FormBundle {
			var err error
			content, err = json.Marshal(stored.Layer)
			s.check(err)
		}
		storeFile(t, name, content)
	}
	s := newSigning(t)
	version2(s)
	entry, err := protojson.Marshal(s.bundle().GetVerificationMaterial().GetTlogEntries()[0])
	s.check(err)
	storeFile(t, "rekor2.answer", entry)
	storeAnswers(t)
}

// storeAnswers keeps the answers of the other services.
func storeAnswers(t *testing.T) {
	t.Helper()
	i := newInstance(t)
	for host, name := range map[string]string{"fulcio.example.com": "fulcio.answer", "rekor.example.com": "rekor.answer", "tsa.example.com": "tsa.answer"} {
		i.intercept[host] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			answer := httptest.NewRecorder()
			i.service(answer, req)
			storeFile(t, name, answer.Body.Bytes())
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			_, _ = io.Copy(w, answer.Body)
		})
	}
	if _, err := newSigner(t, withTimestamps(options(t, i, token(t, claims(nil))))).Sign(t.Context(), three(t)[1:2]); err != nil {
		t.Fatal(err)
	}
}

func storeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(storedFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(storedFolder, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// storedFile is the content of a file of the folder.
func storedFile(tb testing.TB, name string) []byte {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(storedFolder, name))
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

func readStored(tb testing.TB, name string) attest.Stored {
	tb.Helper()
	content := storedFile(tb, name)
	if strings.HasSuffix(name, ".bundle") {
		return attest.Stored{Form: attest.FormBundle, Content: content}
	}
	out := attest.Stored{Form: attest.FormAtt}
	if name == "sig.layer" {
		out.Form = attest.FormSig
	}
	if err := json.Unmarshal(content, &out.Layer); err != nil {
		tb.Fatal(err)
	}
	return out
}

func storedVerifier(tb testing.TB) *sigstore.Verifier {
	tb.Helper()
	v, err := loadVerifier(tb, storedFile(tb, "trusted_root.json"))
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// loadVerifier expects the identity of the tests.
func loadVerifier(tb testing.TB, trustedRoot []byte) (*sigstore.Verifier, error) {
	tb.Helper()
	v, err := sigstore.NewVerifier(sigstore.VerifierOptions{
		Instance: sigstore.Instance{TrustedRoot: file(trustedRoot)},
		Expected: attest.Expectation{SAN: identity.SAN, Issuer: identity.Issuer},
	})
	if err != nil {
		return nil, err
	}
	return v, v.Load(tb.Context())
}
