package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/registry"
	"seal-image/internal/secret"
)

// questions are the requests that [FuzzAnswers] answers, by the method and a part of the path.
var questions = []struct{ method, path string }{
	{http.MethodGet, "/v2/"},
	{http.MethodGet, "/token"},
	{http.MethodGet, "/manifests/"},
	{http.MethodGet, "/referrers/"},
	{http.MethodGet, "/blobs/"},
	{http.MethodHead, ""},
	{http.MethodPost, ""},
	{http.MethodPut, ""},
	{http.MethodGet, "/tags/list"},
}

// answers are headers that an answer may have.
var answers = []string{"Content-Type", "WWW-Authenticate", "Link", "Content-Range", "Location", "Docker-Content-Digest", "Range", "OCI-Subject", "Retry-After"}

// FuzzAnswers: a registry that answers one kind of question as it likes, once or always, brings
// about no panic; what is resolved has the digest that was asked for, what was downloaded is
// complete, and the password goes to no other host.
func FuzzAnswers(f *testing.F) {
	for i := range questions {
		f.Add(uint8(i), true, 200, uint8(0), "application/vnd.oci.image.index.v1+json", []byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:x","size":-1}]}`))
		f.Add(uint8(i), false, 401, uint8(1), `Bearer realm="https://elsewhere.example.com/token",service="::add-mask::x"`, []byte(`{"token":"x"}`))
		f.Add(uint8(i), true, 200, uint8(2), `</v2/acme/app/referrers/x?n=1>; rel="next"`, []byte(`{"manifests":[null,{"digest":"sha512:1"}]}`))
		f.Add(uint8(i), true, 206, uint8(3), "bytes 6-13/14", []byte("14 bytes of it"))
		f.Add(uint8(i), true, 202, uint8(4), "https://elsewhere.example.com/upload?sig=1", []byte(`{"errors":[{"code":"DENIED","message":"##[error]x"}]}`))
		f.Add(uint8(i), true, 307, uint8(4), "//[::1]/", []byte("{"))
		f.Add(uint8(i), true, 429, uint8(8), "-1", []byte(`{"access_token":"y","expires_in":-1}`))
	}
	f.Fuzz(func(t *testing.T, question uint8, always bool, code int, header uint8, value string, body []byte) {
		if code < 200 || code > 599 || strings.ContainsAny(value, "\r\n") || len(body) > 1<<16 {
			return // no server sends it
		}
		synctest.Test(t, func(t *testing.T) {
			answer(t, questions[int(question)%len(questions)], always, func(w http.ResponseWriter) {
				w.Header().Set(answers[int(header)%len(answers)], value)
				w.WriteHeader(code)
				_, _ = w.Write(body)
			})
		})
	})
}

// answer has one image resolved, downloaded, searched and signed.
func answer(t *testing.T, q struct{ method, path string }, always bool, hostile func(http.ResponseWriter)) {
	t.Helper()
	inner, img := memory(true), image(t, "linux/amd64", "x")
	var armed atomic.Bool
	m := push(t, inProcess{inner}, repository+":v1", img)
	elsewhere := httptest.NewRecorder()
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Host != host && req.Header.Get("Authorization") != "" && !strings.Contains(req.URL.Path, "token") && req.URL.Query().Get("scope") == "" {
			elsewhere.Body.WriteString(req.Host + req.URL.Path)
		}
		if req.Method == q.method && strings.Contains(req.URL.Path, q.path) && armed.CompareAndSwap(true, always) {
			hostile(w)
			return
		}
		if !strings.HasPrefix(req.URL.Path, "/v2/") { // which the registry of the test does not bear
			http.NotFound(w, req)
			return
		}
		inner.ServeHTTP(w, req)
	})
	c := registry.New(registry.Options{Transport: retrying(inProcess{handler}), Logins: map[string]registry.Login{
		host: {Username: "alice", Password: secret.New("hunter2-hunter2")},
	}})
	armed.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	subject, err := c.Resolve(ctx, reference(t, repository+":v1"), m.Digest(), nil)
	checkError(t, err)
	if err == nil && subject.Digest() != m.Digest() {
		t.Errorf("it resolves to %s, and %s was asked for", subject.Digest(), m.Digest())
	}
	if err == nil {
		dir := t.TempDir()
		if err := c.Download(ctx, subject.Images, dir, attest.NewArrivals()); err == nil {
			inLayout(t, dir, subject.Images)
		} else {
			checkError(t, err)
		}
	}
	_, err = c.Find(ctx, m, []attest.Form{attest.FormSig, attest.FormAtt, attest.FormBundle})
	checkError(t, err)
	checkError(t, c.CheckPush(ctx, m.Ref.Context()))
	checkError(t, c.Attach(ctx, m.Ref.Context(), everyForm(m)))
	if elsewhere.Body.Len() > 0 {
		t.Errorf("a login went to %s", elsewhere.Body)
	}
}

// checkError: what went wrong is said without the password.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	p := problem.From(err)
	if text := err.Error() + p.What + p.Why + p.Fix; strings.Contains(text, "hunter2-hunter2") {
		t.Errorf("the password is in %s", text)
	}
	if errors.Is(err, io.EOF) && err.Error() == "EOF" {
		t.Error("the error says nothing but EOF")
	}
}

// FuzzTag: what is under a tag of cosign keeps its layers, in their order, and gets ours after
// them, once; or it stays as it is.
func FuzzTag(f *testing.F) {
	const layer = `{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":1,"digest":"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","annotations":{"dev.cosignproject.cosign/signature":"<&>"}}`
	for _, layers := range []string{"", layer, layer + "," + layer, "null", "7", `{"digest":"sha512:x"}`, `{"size":-1}`, layer + `,{"mediaType":"x"}`} {
		f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[` + layers + `]}`))
	}
	f.Add([]byte(`{}`))
	f.Add([]byte(`::add-mask::x`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		synctest.Test(t, func(t *testing.T) {
			network := inProcess{memory(true)}
			m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
			tag := fallbackTag(m) + ".sig"
			// The config and the layer of the first examples.
			store(t, network, m, "application/octet-stream", "a")
			put(t, network, tag, ociManifest, raw)
			err := client(network).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{tagged(m, "bWluZQ==")})
			after := get(t, network, tag)
			if err != nil {
				checkError(t, err)
				if diff := cmp.Diff(raw, after); diff != "" {
					t.Errorf("an error, and the tag has changed (-before +after):\n%s", diff)
				}
				return
			}
			theirs, ours := layersOf(raw), layersOf(after)
			if len(ours) < len(theirs) || !slices.EqualFunc(theirs, ours[:len(theirs)], func(a, b v1.Descriptor) bool { return cmp.Equal(a, b) }) {
				t.Errorf("layers of others are lost or changed:\n%s\n%s", raw, after)
			}
			if err := client(network).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{tagged(m, "bWluZQ==")}); err != nil {
				t.Error(err)
			}
			if again := get(t, network, tag); !cmp.Equal(after, again) {
				t.Errorf("once more, it is another manifest:\n%s\n%s", after, again)
			}
		})
	})
}

func layersOf(raw []byte) []v1.Descriptor {
	var m v1.Manifest
	_ = json.Unmarshal(raw, &m) // what is no manifest has no layers
	return m.Layers
}
