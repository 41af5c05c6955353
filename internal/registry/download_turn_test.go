package registry_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TestDownloadInTurn: of an image with many layers, nine are under way at most, and three that
// are large.
func TestDownloadInTurn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ layers, size, want int }{
		"small": {20, 1, 9},
		"large": {5, 16 << 20, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			downloadInTurn(t, tt.layers, tt.size, tt.want)
		})
	}
}

func downloadInTurn(t *testing.T, many, size, want int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var layers []v1.Layer
		for i := range many {
			layers = append(layers, static.NewLayer([]byte(strings.Repeat("x", size+i)), types.OCIUncompressedLayer))
		}
		img, err := mutate.AppendLayers(image(t, "linux/amd64", "many"), layers...)
		if err != nil {
			t.Fatal(err)
		}
		var now, most atomic.Int32
		inner := memory(false)
		network := inProcess{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/") {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer now.Add(-1)
				time.Sleep(time.Second)
			}
			inner.ServeHTTP(w, req)
		})}
		push(t, network, repository+":v1", img)
		cl := client(network)
		subject := resolved(t, cl)
		downloaded(t, cl, subject.Images)
		if got := most.Load(); int(got) != want {
			t.Errorf("%d layers at once, want %d", got, want)
		}
	})
}
