package registry_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
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
	subject, err := cl.Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := cl.Download(t.Context(), subject.Images, dir); err != nil {
		t.Fatal(err)
	}

	blobs := requests.seen(http.MethodGet, "/blobs/sha256:")
	if got := len(requests.seen(http.MethodGet, "/blobs/"+common.String())); got != 1 {
		t.Errorf("the common layer was fetched %d times, want once", got)
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(blobs))); len(unique) != len(blobs) {
		t.Errorf("a blob was fetched twice: %v", blobs)
	}
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
	for _, img := range subject.Images {
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
			inner := memory(false)
			network := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/blobs/"+common.String()) {
					answer(w, req)
					return
				}
				inner.ServeHTTP(w, req)
			}))
			push(t, network, repository+":v1", idx)
			cl := client(network)
			subject, err := cl.Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := cl.Download(t.Context(), subject.Images, t.TempDir()); err == nil {
				t.Error("no error")
			}
		})
	}
}
