package registry_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/registry"
)

// shared returns an index of two platforms whose images have one layer in common, each
// of them twice.
func shared(t *testing.T) (idx v1.ImageIndex, common v1.Hash) {
	t.Helper()
	layer := static.NewLayer([]byte("common to both"), types.OCIUncompressedLayer)
	var entries []mutate.IndexAddendum
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		img, err := mutate.AppendLayers(image(t, platform, platform), layer, layer)
		if err != nil {
			t.Fatal(err)
		}
		p := parsePlatform(t, platform)
		entries = append(entries, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	common, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return index(entries...), common
}

func TestDownload(t *testing.T) {
	t.Parallel()
	requests := record(memory(false))
	network := serve(t, requests)
	idx, common := shared(t)
	push(t, network, repository+":v1", idx)
	cl := client(network)
	subject := resolved(t, cl)
	downloaded(t, cl, subject.Images)

	blobs := requests.seen(http.MethodGet, "/blobs/sha256:")
	if got := len(requests.seen(http.MethodGet, "/blobs/"+common.String())); got != 1 {
		t.Errorf("the common layer was fetched %d times, want once", got)
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(blobs))); len(unique) != len(blobs) {
		t.Errorf("a blob was fetched twice: %v", blobs)
	}
}

// downloaded downloads images, and checks that all of them have arrived.
func downloaded(t *testing.T, cl *registry.Client, images []attest.Image) {
	t.Helper()
	dir, arrivals := t.TempDir(), attest.NewArrivals()
	if err := cl.Download(t.Context(), images, dir, arrivals); err != nil {
		t.Fatal(err)
	}
	inLayout(t, dir, images)
	over, cancel := context.WithCancel(t.Context())
	cancel() // nothing is to be waited for
	for _, img := range images {
		layers, err := arrivals.Of(over, img.Digest())
		if err != nil {
			t.Errorf("the layers of %s are not told of", img.Ref)
		}
		for _, layer := range layers {
			if arrivals.Wait(over, layer) != nil {
				t.Errorf("%s has arrived, and nobody was told", layer)
			}
		}
	}
}

// inLayout checks that a layout has these images, whole, and nothing else.
func inLayout(t *testing.T, dir string, images []attest.Image) {
	t.Helper()
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, d := range m.Manifests {
		got = append(got, d.Digest.String())
		img, err := path.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, img)
	}
	for _, img := range images {
		want = append(want, img.Ref.DigestStr())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifests of the layout (-want +got):\n%s", diff)
	}
}

// complete checks that the layout has every layer, with the bytes of its digest.
func complete(t *testing.T, img v1.Image) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		want, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		content, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := v1.SHA256(content)
		if err != nil || got != want {
			t.Errorf("layer %s has the bytes of %s (%v)", want, got, err)
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := img.RawConfigFile(); err != nil {
		t.Error(err)
	}
}

// Images of another call share the layout, and its blobs.
func TestDownloadTwice(t *testing.T) {
	t.Parallel()
	requests := record(memory(false))
	network := serve(t, requests)
	idx, common := shared(t)
	push(t, network, repository+":v1", idx)
	cl := client(network)
	subject := resolved(t, cl)
	dir := t.TempDir()
	for _, img := range subject.Images {
		if err := cl.Download(t.Context(), []attest.Image{img}, dir, attest.NewArrivals()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(requests.seen(http.MethodGet, "/blobs/"+common.String())); got != 1 {
		t.Errorf("the common layer was fetched %d times, want once", got)
	}
	inLayout(t, dir, subject.Images)
}

// A blob that did not arrive whole is fetched again: by the same call, and by a later one.
func TestDownloadAfterBreak(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks int
		calls  int
	}{
		"once":       {1, 1},
		"five times": {5, 1},
		"six times":  {6, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(false)
				idx, common := shared(t)
				breaks := c.breaks
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					if !is(req, http.MethodGet, common.String()) || breaks == 0 {
						return false
					}
					breaks--
					w.Header().Set("Content-Length", "14")
					_, _ = io.WriteString(w, "common")
					return true
				})}
				push(t, network, repository+":v1", idx)
				cl := client(network)
				subject := resolved(t, cl)
				dir := t.TempDir()
				calls := 1
				for ; cl.Download(t.Context(), subject.Images, dir, attest.NewArrivals()) != nil; calls++ {
					if calls > 5 {
						t.Fatal("it fails for ever")
					}
				}
				if calls != c.calls {
					t.Errorf("%d calls, want %d", calls, c.calls)
				}
				inLayout(t, dir, subject.Images)
			})
		})
	}
}

// What a process that was killed has left of a blob does not count.
func TestDownloadPartialBlob(t *testing.T) {
	t.Parallel()
	network := serve(t, memory(false))
	idx, common := shared(t)
	push(t, network, repository+":v1", idx)
	cl := client(network)
	subject := resolved(t, cl)
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blobs, common.Hex), []byte("common"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := cl.Download(t.Context(), subject.Images, dir, attest.NewArrivals()); err != nil {
		t.Fatal(err)
	}
	inLayout(t, dir, subject.Images)
}

// Registries send clients to another host for blobs, which gets no credentials.
//
// faults: F36
func TestDownloadFromAnotherHost(t *testing.T) {
	t.Parallel()
	inner := memory(false)
	idx, _ := shared(t)
	requests := record(before(inner, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Host != host || !strings.Contains(req.URL.Path, "/blobs/sha256:") || isWrite(req) {
			return false
		}
		http.Redirect(w, req, "https://cdn.example.com"+req.URL.Path, http.StatusTemporaryRedirect)
		return true
	}))
	push(t, inProcess{inner}, repository+":v1", idx)
	network := byHost{host: basic{next: requests}, "cdn.example.com": requests}
	cl := loggedIn(network)
	subject := resolved(t, cl)
	downloaded(t, cl, subject.Images)
	elsewhere := 0
	for _, req := range requests.requests {
		if req.Host == host {
			continue
		}
		elsewhere++
		if got := req.Header.Get("Authorization"); got != "" {
			t.Errorf("%s got %q", req.Host, got)
		}
	}
	if elsewhere == 0 {
		t.Error("nothing was asked of the other host")
	}
}

// faults: F39
func TestDownloadRefuses(t *testing.T) {
	t.Parallel()
	idx, common := shared(t)
	for name, answer := range map[string]http.HandlerFunc{
		"other bytes of the same size": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "common to NONE") },
		"fewer bytes":                  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "common") },
		"more bytes":                   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "common to both, and more") },
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "14")
			_, _ = io.WriteString(w, "common")
		},
		"missing": http.NotFound,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(false)
				network := inProcess{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/blobs/"+common.String()) {
						answer(w, req)
						return
					}
					inner.ServeHTTP(w, req)
				})}
				push(t, network, repository+":v1", idx)
				cl := client(network)
				subject := resolved(t, cl)
				if err := cl.Download(t.Context(), subject.Images, t.TempDir(), attest.NewArrivals()); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}
