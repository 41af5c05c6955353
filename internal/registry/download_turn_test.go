package registry_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

// TestDownloadInTurn: of an image with many layers, nine are under way at most, and three that
// are large; and the largest are the first.
func TestDownloadInTurn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ layers, size, want int }{
		"small": {20, 1, 9},
		"large": {6, 16 << 20, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &slowRegistry{inner: memory(false)}
				cl := client(inProcess{r})
				subject := r.push(t, tt.layers, tt.size)
				downloaded(t, cl, resolved(t, cl).Images)
				if r.most != tt.want {
					t.Errorf("%d layers at once, want %d", r.most, tt.want)
				}
				for i, asked := range r.asked {
					if place := slices.Index(subject, asked); place >= i+tt.want {
						t.Errorf("the layer that is number %d by its size is asked for as number %d", place, i)
					}
				}
			})
		})
	}
}

// TestDownloadFails: a layer that cannot be had ends the others, and is what is told of.
func TestDownloadFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &slowRegistry{inner: memory(false)}
		cl := client(inProcess{r})
		layers := r.push(t, 30, 1)
		r.refuse = layers[4]
		err := cl.Download(t.Context(), resolved(t, cl).Images, t.TempDir(), attest.NewArrivals())
		if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "403") {
			t.Errorf("error %v, want the registry's answer", err)
		}
		if len(r.asked) > 20 {
			t.Errorf("%d layers were asked for", len(r.asked))
		}
	})
}

// TestDiscard: a layout that is discarded goes by itself.
func TestDiscard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "layout")
		r := &slowRegistry{inner: memory(false)}
		cl := client(inProcess{r})
		r.push(t, 3, 1)
		if err := cl.Download(t.Context(), resolved(t, cl).Images, dir, attest.NewArrivals()); err != nil {
			t.Fatal(err)
		}
		cl.Discard(dir)
		synctest.Wait()
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the layout is there (%v)", err)
		}
	})
}

// slowRegistry takes a second for each layer.
type slowRegistry struct {
	inner  http.Handler
	layers []string // digests, the largest first
	refuse string   // the digest of a layer that it does not give

	mu        sync.Mutex
	asked     []string // digests of layers
	now, most int      // requests for layers
}

func (r *slowRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	digest := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	if req.Method == http.MethodGet && slices.Contains(r.layers, digest) {
		r.count(digest, 1)
		defer r.count("", -1)
		time.Sleep(time.Second)
		if digest == r.refuse {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
	}
	r.inner.ServeHTTP(w, req)
}

func (r *slowRegistry) count(digest string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if digest != "" {
		r.asked = append(r.asked, digest)
	}
	r.now += n
	r.most = max(r.most, r.now)
}

// push pushes an image with layers of about a size, and returns them, the largest first.
func (r *slowRegistry) push(t *testing.T, many, size int) []string {
	t.Helper()
	var layers []v1.Layer
	for i := range many {
		layers = append(layers, static.NewLayer([]byte(strings.Repeat("x", size+i)), types.OCIUncompressedLayer))
	}
	img, err := mutate.AppendLayers(image(t, "linux/amd64", ""), layers...)
	if err != nil {
		t.Fatal(err)
	}
	push(t, inProcess{r.inner}, repository+":v1", img)
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		r.layers = append(r.layers, digest.String())
	}
	slices.Reverse(r.layers)
	return r.layers
}
