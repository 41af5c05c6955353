package images_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"seal-image/internal/sandbox/images"
)

// TestNested walks down to the images that the description lists.
func TestNested(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Nested)
	outer, err := top.ImageIndex(desc.Digest)
	check(t, err)
	check(t, validate.Index(outer))
	var got []string
	for _, m := range manifestOf(t, top, desc).Manifests {
		if m.MediaType != types.OCIImageIndex {
			t.Errorf("the index has a %s, want indexes alone", m.MediaType)
		}
		for _, leaf := range manifestOf(t, outer, m).Manifests {
			got = append(got, leaf.Platform.String()+" "+leaf.Digest.String())
		}
	}
	var want []string
	for _, image := range describe(t, everything, images.Nested).Images {
		want = append(want, image.Platform+" "+image.Digest)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

// TestQuadLayer finds one layer in all four images.
func TestQuadLayer(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Quad)
	index, err := top.ImageIndex(desc.Digest)
	check(t, err)
	layers := map[v1.Hash]int{}
	for _, m := range manifestOf(t, top, desc).Manifests[:4] {
		image, err := index.Image(m.Digest)
		check(t, err)
		manifest, err := image.Manifest()
		check(t, err)
		for _, layer := range manifest.Layers {
			layers[layer.Digest]++
		}
	}
	for digest, n := range layers {
		if len(layers) != 1 || n != 4 {
			t.Errorf("layer %s is in %d images, want one layer in 4", digest, n)
		}
	}
}

// TestZstd reads the magic number, then the whole layer.
func TestZstd(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Zstd)
	image, err := top.Image(desc.Digest)
	check(t, err)
	manifest, err := image.Manifest()
	check(t, err)
	layer := manifest.Layers[0]
	if layer.MediaType != "application/vnd.oci.image.layer.v1.tar+zstd" {
		t.Errorf("media type %s", layer.MediaType)
	}
	if magic := string(blob(t, image, layer.Digest)[:4]); magic != "\x28\xb5\x2f\xfd" {
		t.Errorf("the layer begins with %q", magic)
	}
	config, err := image.ConfigFile()
	check(t, err)
	content, err := image.LayerByDigest(layer.Digest)
	check(t, err)
	archive, err := content.Uncompressed()
	check(t, err)
	defer archive.Close()
	if digest, _, err := v1.SHA256(archive); err != nil || digest != config.RootFS.DiffIDs[0] {
		t.Errorf("the layer unpacks to %s, the config says %s (%v)", digest, config.RootFS.DiffIDs[0], err)
	}
}

// TestScratch: the specification wants lists that are empty, not null.
func TestScratch(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Scratch)
	image, err := top.Image(desc.Digest)
	check(t, err)
	rawManifest, err := image.RawManifest()
	check(t, err)
	rawConfig, err := image.RawConfigFile()
	check(t, err)
	var manifest struct{ Layers []any }
	var config struct {
		RootFS struct {
			DiffIDs []any `json:"diff_ids"`
		}
	}
	check(t, json.Unmarshal(rawManifest, &manifest))
	check(t, json.Unmarshal(rawConfig, &config))
	if diff := cmp.Diff([2][]any{{}, {}}, [2][]any{manifest.Layers, config.RootFS.DiffIDs}); diff != "" {
		t.Errorf("layers and diff IDs (-want +got):\n%s", diff)
	}
}

// TestBare looks where the platform is told, if not in the index.
func TestBare(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Bare)
	index, err := top.ImageIndex(desc.Digest)
	check(t, err)
	image, err := index.Image(manifestOf(t, top, desc).Manifests[0].Digest)
	check(t, err)
	config, err := image.ConfigFile()
	check(t, err)
	if got := config.Platform().String(); got != "linux/amd64" {
		t.Errorf("platform %s", got)
	}
}

// TestCrowd counts: every image has a platform, a manifest and a config of its own, and all share the layer.
func TestCrowd(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Crowd)
	platforms, digests := map[string]bool{}, map[v1.Hash]bool{}
	for _, m := range manifestOf(t, top, desc).Manifests {
		platforms[m.Platform.String()], digests[m.Digest] = true, true
	}
	blobs, err := os.ReadDir(filepath.Join(everything, string(images.Crowd), "blobs", "sha256"))
	check(t, err)
	got := []int{len(platforms), len(digests), len(describe(t, everything, images.Crowd).Images), len(blobs)}
	if diff := cmp.Diff([]int{1001, 1001, 1001, 1001 + 1001 + 2}, got); diff != "" {
		t.Errorf("platforms, manifests, images, blobs (-want +got):\n%s", diff)
	}
}
