package images_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"seal-image/internal/sandbox/images"
)

const fixtures = "../../../testdata/images"

// description is KIND.json as its readers see it.
type description struct {
	Kind      string `json:"kind"`
	MediaType string `json:"media_type"`
	Digest    string `json:"digest"`
	Images    []struct {
		Platform string   `json:"platform"`
		Digest   string   `json:"digest"`
		Packages []string `json:"packages"`
	} `json:"images"`
}

// everything is a folder with all kinds.
var everything string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if everything, err = os.MkdirTemp("", "images-test-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(everything)
	if err := write(context.Background(), everything); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func write(ctx context.Context, dir string) error {
	return images.Main(ctx, []string{"images", "-fixtures", fixtures, "-out", dir}, io.Discard)
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	check(t, images.Main(t.Context(), args, &out))
	return out.String()
}

func describe(t *testing.T, dir string, kind images.Kind) description {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, string(kind)+".json"))
	check(t, err)
	var d description
	check(t, json.Unmarshal(raw, &d))
	return d
}

// open returns the one descriptor of a layout, and the layout.
func open(t *testing.T, kind images.Kind) (v1.Descriptor, v1.ImageIndex) {
	t.Helper()
	top, err := layout.ImageIndexFromPath(filepath.Join(everything, string(kind)))
	check(t, err)
	manifest, err := top.IndexManifest()
	check(t, err)
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%d manifests in the layout, want 1", len(manifest.Manifests))
	}
	return manifest.Manifests[0], top
}

func manifestOf(t *testing.T, top v1.ImageIndex, desc v1.Descriptor) *v1.IndexManifest {
	t.Helper()
	index, err := top.ImageIndex(desc.Digest)
	check(t, err)
	manifest, err := index.IndexManifest()
	check(t, err)
	return manifest
}

func blob(t *testing.T, image v1.Image, digest v1.Hash) []byte {
	t.Helper()
	layer, err := image.LayerByDigest(digest)
	check(t, err)
	r, err := layer.Compressed()
	check(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	check(t, err)
	return data
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
