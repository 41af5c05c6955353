package sigstore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/secret"
	"seal-image/internal/sigstore"
)

// answering is an instance one of whose services answers what it is told to.
type answering struct {
	*instance
	mu     sync.Mutex
	answer http.Handler
}

// newAnswering replaces the service of a host. It lives as long as the process that fuzzes.
func newAnswering(t *testing.T, host string) *answering {
	t.Helper()
	a := &answering{instance: newServices(t)}
	a.intercept[host] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { a.answer.ServeHTTP(w, req) })
	return a
}

// sign signs with that answer. Nothing that is made up verifies, so the error is explained
// in any case, and none is a panic.
func (a *answering) sign(t *testing.T, change func(sigstore.Options) sigstore.Options, answer http.Handler) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
	o := change(options(t, a.instance, token(t, claims(nil))))
	for _, st := range []*attest.Statement{three(t)[1], three(t)[2]} {
		_, err := newSigner(t, o).Sign(t.Context(), []*attest.Statement{st})
		if err == nil {
			t.Error("what is made up is accepted")
			continue
		}
		wantExplained(t, err)
		if strings.Contains(err.Error(), "goroutine") {
			t.Errorf("a panic is shown: %v", err)
		}
	}
}

// slow are the statuses after which a host is asked again with pauses of seconds, which the engine would take for
// a hang. fulcio-token.txtar waits for one.
var slow = map[string][]int{"fulcio.example.com": {http.StatusBadRequest, http.StatusUnauthorized}}

// fuzzService fuzzes the answers of a host.
func fuzzService(f *testing.F, host string, change func(sigstore.Options) sigstore.Options, seeds ...[]byte) {
	f.Helper()
	for _, seed := range seeds {
		f.Add(http.StatusCreated, seed, uint8(0), "")
		f.Add(http.StatusCreated, seed, uint8(5), "null")
	}
	var once sync.Once
	var a *answering
	f.Fuzz(func(t *testing.T, status int, body []byte, node uint8, text string) {
		once.Do(func() { a = newAnswering(t, host) })
		if status < 200 || status > 599 || slices.Contains(slow[host], status) {
			t.Skip()
		}
		body, _ = withNode(body, int(node), text)
		a.sign(t, change, answer(status, string(body)))
	})
}

func asItIs(o sigstore.Options) sigstore.Options { return o }

// FuzzRekor: answers of a log of version 1.
func FuzzRekor(f *testing.F) {
	proof := `"inclusionProof":{"logIndex":0,"treeSize":1,"rootHash":"00","hashes":[],"checkpoint":"c"}`
	fuzzService(f, "rekor.example.com", asItIs,
		storedFile(f, "rekor.answer"), []byte(`{"uuid":null}`),
		[]byte(`{"uuid":{"body":"e30=","integratedTime":1,"logID":"00","logIndex":0,"verification":{`+proof+`}}}`))
}

// FuzzRekor2: answers of a log of version 2.
func FuzzRekor2(f *testing.F) {
	fuzzService(f, rekor2Host, withRekor2, storedFile(f, "rekor2.answer"), []byte("{}"))
}

// FuzzTiles: a log of version 2 that has the entry already, and what it hands out of itself.
func FuzzTiles(f *testing.F) {
	note := rekor2Host + "\n1\nAAAA\n\n— " + rekor2Host + " AAAAAAAA\n"
	f.Add("0", []byte(note), []byte("\x00\x01a"))
	f.Add("256", []byte(note), make([]byte, 32))
	f.Add("-1", []byte(""), []byte(""))
	var once sync.Once
	var a *answering
	f.Fuzz(func(t *testing.T, index string, checkpoint, tile []byte) {
		once.Do(func() { a = newAnswering(t, rekor2Host) })
		a.sign(t, withRekor2, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch {
			case req.Method == http.MethodPost:
				w.Header()["X-Log-Index"] = []string{index}
				w.WriteHeader(http.StatusConflict)
			case strings.HasSuffix(req.URL.Path, "/checkpoint"):
				_, _ = w.Write(checkpoint)
			default:
				_, _ = w.Write(tile)
			}
		}))
	})
}

// FuzzFulcio: answers of the certificate authority.
func FuzzFulcio(f *testing.F) {
	fuzzService(f, "fulcio.example.com", asItIs, storedFile(f, "fulcio.answer"), []byte("{}"),
		[]byte(`{"signedCertificateEmbeddedSct":{"chain":{"certificates":[""]}}}`))
}

// FuzzTimestamp: answers of the timestamp authority.
func FuzzTimestamp(f *testing.F) {
	fuzzService(f, "tsa.example.com", withTimestamps, storedFile(f, "tsa.answer"), []byte{0x30, 0x00})
}

// FuzzSigningConfig: one that can be read names services, or says what it lacks.
func FuzzSigningConfig(f *testing.F) {
	f.Add(signingConfig(service(rekorURL, 1), service(tsaURL, 1), "ANY"))
	f.Add(signingConfig(service(rekor2URL, 2)+","+service(rekorURL, 1), service(tsaURL, 1), "ALL"))
	trustedRoot := storedFile(f, "trusted_root.json")
	f.Fuzz(func(t *testing.T, encoded []byte) {
		if len(encoded) == 0 {
			t.Skip() // no file: the one of the TUF repository
		}
		o := sigstore.Options{
			Instance: sigstore.Instance{SigningConfig: file(encoded), TrustedRoot: file(trustedRoot)}, Audience: "sigstore",
			Token: func(context.Context, string) (secret.String, error) { return secret.New(token(t, claims(nil))), nil },
		}
		s, err := sigstore.New(o)
		if err == nil {
			_, _, err = check(t.Context(), s)
		}
		if err != nil {
			wantExplained(t, err)
		}
	})
}

// FuzzClaims: a token that can be read says who signs.
func FuzzClaims(f *testing.F) {
	good, err := json.Marshal(claims(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), `"sigstore"`, `["a","sigstore"]`, 1)))
	trustedRoot := storedFile(f, "trusted_root.json")
	f.Fuzz(func(t *testing.T, payload []byte) {
		o := sigstore.Options{
			Instance: sigstore.Instance{FulcioURL: fulcioURL, RekorURL: rekorURL, TrustedRoot: file(trustedRoot)}, Audience: "sigstore",
			Token: func(context.Context, string) (secret.String, error) {
				return secret.New("e30." + base64.RawURLEncoding.EncodeToString(payload) + ".e30"), nil
			},
			Job: sigstore.Job{ServerURL: "https://github.com"},
		}
		s, err := sigstore.New(o)
		if err != nil {
			t.Fatal(err)
		}
		id, _, err := check(t.Context(), s)
		if err != nil {
			wantExplained(t, err)
			return
		}
		if !strings.HasPrefix(id.SAN, "https://github.com/") || id.Issuer == "" || id.Ref == "" || id.SHA == "" || id.Repository == "" {
			t.Errorf("it is signed by %+v", id)
		}
	})
}
