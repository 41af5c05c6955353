package registry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

// Sizes that would have us read without end are refused, of an image and of one in an index,
// before its config is asked for.
//
// faults: F53
func TestImplausibleSizes(t *testing.T) {
	t.Parallel()
	digest := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	for name, sizes := range map[string]struct{ config, layer int64 }{
		"config-large": {8<<20 + 1, 1}, "config-negative": {-1, 1}, "layer-negative": {2, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := memory(false)
			network := inProcess{before(inner, func(_ http.ResponseWriter, req *http.Request) bool {
				if strings.Contains(req.URL.Path, "/blobs/"+digest.String()) {
					t.Error("the blob is asked for")
				}
				return false
			})}
			manifest, err := json.Marshal(v1.Manifest{
				SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
				Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: digest, Size: sizes.config},
				Layers: []v1.Descriptor{{MediaType: types.OCILayer, Digest: digest, Size: sizes.layer}},
			})
			if err != nil {
				t.Fatal(err)
			}
			put(t, inProcess{inner}, "v1", string(types.OCIManifestSchema1), manifest)
			_, err = client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
			goldenProblem(t, name, err)

			sum, size, err := v1.SHA256(strings.NewReader(string(manifest)))
			if err != nil {
				t.Fatal(err)
			}
			img := attest.Image{Manifest: attest.Manifest{
				Ref: reference(t, repository+":v1").Context().Digest(sum.String()), MediaType: types.OCIManifestSchema1, Size: size,
			}}
			goldenProblem(t, name, client(network).Download(t.Context(), []attest.Image{img}, t.TempDir(), attest.NewArrivals()))
		})
	}
}

// TestIndexOfItself: no index has its own digest in it. A registry that serves the same index for
// each that is in it is asked for one, and refused.
//
// faults: F53
func TestIndexOfItself(t *testing.T) {
	t.Parallel()
	digest := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, ociIndex, ociIndex, digest, 300)
	asked := 0
	network := inProcess{before(memory(false), func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/manifests/") {
			return false
		}
		if strings.HasSuffix(req.URL.Path, digest.String()) {
			asked++
		}
		w.Header().Set("Content-Type", ociIndex)
		_, _ = w.Write(raw)
		return true
	})}
	_, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
	goldenProblem(t, "index-of-itself", err)
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
}
