package registry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

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

// serve starts handler and returns a network in which every host is that server, so that
// messages name the same host in every run.
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

func client(network http.RoundTripper) *registry.Client {
	return registry.New(registry.Options{Transport: network})
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

// signedAt is the time of every log entry here.
var signedAt = time.Date(2026, 9, 1, 12, 30, 0, 0, time.UTC)

// bundle is what the signer hands over; this package reads nothing of its JSON.
func bundle(about attest.Manifest, predicateType, encoded string) *attest.Bundle {
	return &attest.Bundle{
		Statement: &attest.Statement{About: about, PredicateType: predicateType},
		JSON:      []byte(encoded),
		Entry:     attest.LogEntry{IntegratedTime: signedAt},
	}
}

// bundles are an SBOM attestation and a signature, in the order of the pipeline.
func bundles(about attest.Manifest) []*attest.Bundle {
	return []*attest.Bundle{
		bundle(about, attest.SPDXPredicateType, `{"bundle":"of the SBOM"}`),
		bundle(about, attest.SignaturePredicateType, `{"bundle":"of the signature"}`),
	}
}
