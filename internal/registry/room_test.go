package registry_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// An image for which the disk has no room is refused before a layer is asked for. A layer that
// it has twice counts once, and what it takes unpacked counts too.
//
// faults: F58
func TestNoRoom(t *testing.T) {
	t.Parallel()
	config := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	layer := func(digit string, size int64) v1.Descriptor {
		return v1.Descriptor{MediaType: types.OCILayer, Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(digit, 64)}, Size: size}
	}
	for name, layers := range map[string][]v1.Descriptor{
		"two":         {layer("1", 1<<50), layer("2", 1<<50)},
		"one twice":   {layer("1", 1<<50), layer("1", 1<<50)},
		"without end": {layer("1", 1<<62), layer("2", 1<<62), layer("3", 1<<62)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := memory(false)
			network := inProcess{before(inner, func(_ http.ResponseWriter, req *http.Request) bool {
				if strings.Contains(req.URL.Path, "/blobs/") {
					t.Errorf("%s is asked for", req.URL.Path)
				}
				return false
			})}
			manifest, err := json.Marshal(v1.Manifest{
				SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
				Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: config, Size: 2}, Layers: layers,
			})
			if err != nil {
				t.Fatal(err)
			}
			put(t, inProcess{inner}, "v1", string(types.OCIManifestSchema1), manifest)
			sum, size, err := v1.SHA256(strings.NewReader(string(manifest)))
			if err != nil {
				t.Fatal(err)
			}
			img := attest.Image{Manifest: attest.Manifest{
				Ref: reference(t, repository+":v1").Context().Digest(sum.String()), MediaType: types.OCIManifestSchema1, Size: size,
			}}
			dir := t.TempDir()
			err = client(network).Download(t.Context(), []attest.Image{img}, dir, attest.NewArrivals())
			if err == nil {
				t.Fatal("no error")
			}
			p := problem.From(err)
			text := strings.Join([]string{string(p.Code), p.What, p.Why, p.Fix, ""}, "\n")
			text = regexp.MustCompile(`[0-9.]+ GiB are free`).ReplaceAllString(strings.ReplaceAll(text, dir, "DIR"), "N GiB are free")
			golden.Compare(t, "no-room-"+strings.ReplaceAll(name, " ", "-")+".txt", text)
		})
	}
}
