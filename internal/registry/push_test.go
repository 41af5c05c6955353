package registry_test

import (
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/transport"
)

// uploads is the part of a registry that opens and cancels uploads, with a Location as
// the test wants it.
type uploads struct {
	location string
	cancel   int // status of the answer to a cancellation

	mu   sync.Mutex
	open map[string]bool
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case req.URL.Path == "/v2/":
	case req.Method == http.MethodPost && req.URL.Path == "/v2/acme/app/blobs/uploads/":
		u.open["/v2/acme/app/blobs/uploads/1"] = true
		w.Header().Set("Location", u.location)
		w.WriteHeader(http.StatusAccepted)
	case req.Method == http.MethodDelete && u.open[req.URL.Path] && req.URL.Query().Get("state") == "s":
		delete(u.open, req.URL.Path)
		w.WriteHeader(u.cancel)
	default:
		w.WriteHeader(http.StatusTeapot)
	}
}

func TestCheckPush(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		location string
		cancel   int
	}{
		"path":                        {"/v2/acme/app/blobs/uploads/1?state=s", http.StatusNoContent},
		"relative to the request":     {"1?state=s", http.StatusNoContent},
		"absolute":                    {"https://" + host + "/v2/acme/app/blobs/uploads/1?state=s", http.StatusNoContent},
		"http behind a proxy":         {"http://" + host + "/v2/acme/app/blobs/uploads/1?state=s", http.StatusNoContent},
		"registry that cannot cancel": {"/v2/acme/app/blobs/uploads/1?state=s", http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := &uploads{location: c.location, cancel: c.cancel, open: map[string]bool{}}
			requests := record(registry)
			if err := client(serve(t, requests)).CheckPush(t.Context(), reference(t, repository).Context()); err != nil {
				t.Fatal(err)
			}
			if len(registry.open) > 0 {
				t.Errorf("left open: %v", registry.open)
			}
			if got := requests.seen(http.MethodPut, "/"); len(got) > 0 {
				t.Errorf("something was written: %v", got)
			}
		})
	}
}

// Some registries take uploads on another host. It gets no credentials, and must speak https.
// Which addresses it may have is tested where the connections are made.
//
// faults: F42
func TestLocationOnAnotherHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		location string
		refused  bool
	}{
		"https":      {"https://uploads.example.com/v2/acme/app/blobs/uploads/1?state=s", false},
		"plain http": {"http://uploads.example.com/v2/acme/app/blobs/uploads/1?state=s", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := &uploads{location: c.location, open: map[string]bool{}}
			requests := record(basic{next: own})
			network := transport.New(transport.Options{Base: serve(t, requests), Log: slog.New(slog.DiscardHandler)})
			err := loggedIn(network).CheckPush(t.Context(), reference(t, repository).Context())
			if (err != nil) != c.refused {
				t.Errorf("CheckPush: %v, refused is to be %t", err, c.refused)
			}
			if c.refused {
				goldenProblem(t, "location-refused", err)
			}
			elsewhere := 0
			for _, req := range requests.requests {
				if req.Host == host {
					continue
				}
				elsewhere++
				if req.Header.Get("Authorization") != "" {
					t.Errorf("%s got credentials", req.Host)
				}
			}
			if (elsewhere == 0) != c.refused {
				t.Errorf("%d requests to the other host", elsewhere)
			}
		})
	}
}

// Writes follow redirects within the registry, lead nowhere else and never leave https.
//
// faults: F42
func TestRedirects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target   string
		followed int
	}{
		"other host":  {"https://elsewhere.example.com/moved", 0},
		"within":      {"/moved", 1},
		"plain http":  {"http://" + host + "/moved", 1},
		"without end": {"/v2/acme/app/blobs/uploads/", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := memory(false)
			requests := record(basic{next: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodPost && req.URL.Path != "/moved" {
					http.Redirect(w, req, c.target, http.StatusTemporaryRedirect)
					return
				}
				if req.Method == http.MethodPost {
					req.URL.Path = "/v2/acme/app/blobs/uploads/"
				}
				inner.ServeHTTP(w, req)
			})})
			network := serve(t, requests)
			var schemes []string
			watched := roundTripper(func(req *http.Request) (*http.Response, error) {
				schemes = append(schemes, req.URL.Scheme)
				return network.RoundTrip(req)
			})
			err := loggedIn(watched).CheckPush(t.Context(), reference(t, repository).Context())
			if (err == nil) != (c.followed > 0) {
				t.Errorf("got %v", err)
			}
			if got := requests.seen(http.MethodPost, "/moved"); len(got) != c.followed || slices.Contains(schemes, "http") {
				t.Errorf("the redirect was followed to %v, schemes %v", got, schemes)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// One handshake does for everything of a run: resolve, check, download, find, attach, read
// back.
func TestOneHandshake(t *testing.T) {
	t.Parallel()
	requests := record(bearer{next: memory(true)})
	network := serve(t, requests)
	cl := loggedIn(network)
	ref := reference(t, repository+":v1")
	push(t, authorized(network), repository+":v1", index(entry(t, "linux/amd64"), entry(t, "linux/arm64")))
	before := len(requests.seen(http.MethodGet, "/token"))
	requests.forget()

	if err := cl.CheckPush(t.Context(), ref.Context()); err != nil {
		t.Fatal(err)
	}
	subject, err := cl.Resolve(t.Context(), ref, v1.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cl.Download(t.Context(), subject.Images, t.TempDir(), attest.NewArrivals()); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Find(t.Context(), subject.Manifest, []attest.Form{attest.FormBundle}); err != nil {
		t.Fatal(err)
	}
	planned := bundles(subject.Manifest)
	if err := cl.Attach(t.Context(), ref.Context(), planned); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.ReadBack(t.Context(), ref.Context(), planned); err != nil {
		t.Fatal(err)
	}
	var pings []string
	for _, path := range requests.seen(http.MethodGet, "/v2/") {
		if path == "/v2/" {
			pings = append(pings, path)
		}
	}
	got := map[string]int{"pings": len(pings), "tokens": len(requests.seen(http.MethodGet, "/token"))}
	if diff := cmp.Diff(map[string]int{"pings": 1, "tokens": 1}, got); diff != "" {
		t.Errorf("requests (-want +got), %d tokens before:\n%s", before, diff)
	}
}

// authorized has the token already.
func authorized(network http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer of-the-robot")
		return network.RoundTrip(req)
	})
}
