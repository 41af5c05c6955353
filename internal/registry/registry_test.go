package registry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/registry"
)

const (
	host       = "registry.example.com"
	repository = host + "/acme/app"
)

// memory is go-containerregistry's registry, with or without the referrers API.
func memory(referrers bool) http.Handler {
	return ggcr.New(ggcr.WithReferrersSupport(referrers), ggcr.Logger(log.New(io.Discard, "", 0)))
}

// serve starts handler, which speaks HTTP/2 as the large registries do, and returns a network in
// which every host is that server, so that messages name the same host in every run.
func serve(t *testing.T, handler http.Handler) http.RoundTripper {
	t.Helper()
	srv := startTLS(t, handler)
	network := srv.Client().Transport.(*http.Transport).Clone()
	network.TLSClientConfig.ServerName = "example.com" // what the server's certificate says
	network.DialContext = dialer(srv)
	t.Cleanup(network.CloseIdleConnections)
	return network
}

func startTLS(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // tells of handshakes that clients break off
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func dialer(srv *httptest.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
}

// inProcess is a network without sockets. In a bubble of testing/synctest waits take no
// time, but only while nothing waits for the kernel.
type inProcess struct{ handler http.Handler }

func (n inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Host, in.TLS = req.URL.Host, &tls.ConnectionState{}
	w := httptest.NewRecorder()
	n.handler.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = req
	return resp, req.Context().Err()
}

// status is that of the answer to req.
func (n inProcess) status(req *http.Request) int {
	w := httptest.NewRecorder()
	n.handler.ServeHTTP(w, req)
	return w.Code
}

// before lets first answer requests; it returns false for those that are next's.
func before(next http.Handler, first func(w http.ResponseWriter, req *http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !first(w, req) {
			next.ServeHTTP(w, req)
		}
	})
}

// refuse answers as registries do.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// is reports whether req has the method and its path ends so.
func is(req *http.Request, method, suffix string) bool {
	return req.Method == method && strings.HasSuffix(req.URL.Path, suffix)
}

// recorder remembers the requests that pass.
type recorder struct {
	next http.Handler

	mu       sync.Mutex
	requests []*http.Request
}

func record(next http.Handler) *recorder { return &recorder{next: next} }

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Clone(context.WithoutCancel(req.Context())))
	r.mu.Unlock()
	r.next.ServeHTTP(w, req)
}

func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = nil
}

// seen lists the requests of a method whose path contains part, in order.
func (r *recorder) seen(method, part string) (paths []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, req := range r.requests {
		if req.Method == method && strings.Contains(req.URL.Path, part) {
			paths = append(paths, req.URL.Path)
		}
	}
	return paths
}

// writes lists the manifests and tags that were written, in order, by the names that are
// given for what they contain; blobs in a row are one.
func (r *recorder) writes(oldnew ...string) (out []string) {
	names := strings.NewReplacer(oldnew...)
	for _, written := range r.seen(http.MethodPut, "/v2/") {
		what := names.Replace(path.Base(written))
		if strings.Contains(written, "/blobs/") {
			what = "blobs"
		}
		if what != "blobs" || len(out) == 0 || out[len(out)-1] != "blobs" {
			out = append(out, what)
		}
	}
	return out
}

func client(network http.RoundTripper) *registry.Client {
	return registry.New(registry.Options{Transport: network})
}

// resolved is the image that the test has pushed.
func resolved(t *testing.T, cl *registry.Client) *attest.Subject {
	t.Helper()
	subject, err := cl.Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

func reference(t *testing.T, ref string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// put writes a manifest as it is.
func put(t *testing.T, network http.RoundTripper, target, mediaType string, manifest []byte) {
	t.Helper()
	u := "https://" + host + "/v2/acme/app/manifests/" + target
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, u, bytes.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := network.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("PUT %s: %s: %s", target, resp.Status, text)
	}
}

// get reads a manifest; nil if there is none.
func get(t *testing.T, network http.RoundTripper, target string) []byte {
	t.Helper()
	u := "https://" + host + "/v2/acme/app/manifests/" + target
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := network.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// push writes an image or an index under a tag and returns it as a manifest.
func push(t *testing.T, network http.RoundTripper, ref string, what remote.Taggable) attest.Manifest {
	t.Helper()
	r := reference(t, ref)
	var err error
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(r, what, remote.WithTransport(network), remote.WithContext(t.Context()))
	case v1.ImageIndex:
		err = remote.WriteIndex(r, what, remote.WithTransport(network), remote.WithContext(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	desc, err := remote.Head(r, remote.WithTransport(network), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return attest.Manifest{Ref: r.Context().Digest(desc.Digest.String()), MediaType: desc.MediaType, Size: desc.Size}
}

// goldenProblem compares what the user reads. An error without advice is a failure.
func goldenProblem(t *testing.T, file string, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	p := problem.From(err)
	if p.Code == problem.Unexpected {
		t.Fatalf("an error without advice: %v", err)
	}
	golden.Compare(t, file+".txt", []byte(strings.Join([]string{string(p.Code), p.What, p.Why, p.Fix}, "\n")+"\n"))
}

// attach stores what is planned about one digest or several of one repository.
func attach(t *testing.T, network http.RoundTripper, planned ...*attest.Attachment) {
	t.Helper()
	if err := client(network).Attach(t.Context(), planned[0].About.Ref.Context(), planned); err != nil {
		t.Fatal(err)
	}
}

// states are those of attachments, e.g. "sig: new".
func states(attachments []*attest.Attachment) (out []string) {
	for _, a := range attachments {
		out = append(out, string(a.Form)+": "+string(a.State))
	}
	return out
}

// located checks that those that are in the registry have a manifest, and no others.
func located(t *testing.T, attachments []*attest.Attachment) {
	t.Helper()
	for _, a := range attachments {
		if (a.Manifest != attest.Manifest{}) != a.InRegistry() {
			t.Errorf("%s is %s and has the manifest %v", a.Form, a.State, a.Manifest)
		}
	}
}
