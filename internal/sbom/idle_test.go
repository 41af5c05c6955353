package sbom_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Children that wait for an image are taken before others are started, and what nobody needs
// ends and leaves nothing behind.
func TestWarm(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	dir := filepath.Join(work, "layout")
	cat := cataloger(work)
	folders := func() []string { return must(filepath.Glob(filepath.Join(work, "catalog-*"))) }

	cat.Warm(t.Context(), dir, 2)
	if got := folders(); len(got) != 2 {
		t.Fatalf("there are %d children, want 2", len(got))
	}
	cat.Warm(t.Context(), dir, 1)
	ready := folders()
	if len(ready) != 1 {
		t.Fatalf("there are %d children, want one", len(ready))
	}
	image := layoutOf(t, dir, alpine)
	if _, err := catalogs(t.Context(), cat, dir, imageOf(t, "acme/app", image)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ready[0]); !os.IsNotExist(err) {
		t.Errorf("another child was taken than the one that was ready: %v", err)
	}
	cat.Warm(t.Context(), dir, 1)
	cat.Warm(t.Context(), dir, 0)
	onlyLayoutLeft(t, work)
}

// Of many images, those that follow find a child ready, whatever becomes of the one before.
func TestWarmForMany(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	dir := filepath.Join(work, "layout")
	cat := cataloger(work)
	folders := func() []string { return must(filepath.Glob(filepath.Join(work, "catalog-*"))) }

	cat.Warm(t.Context(), dir, 4)
	image := layoutOf(t, dir, alpine)
	refused, _ := oddLayout(t, dir, 1, 0, odd{blob: []byte("no archive"), content: []byte("no archive")})
	for i, tt := range []struct {
		image v1.Hash
		left  int // children that wait
		fails bool
	}{{refused, 2, true}, {image, 2, false}, {image, 1, false}, {image, 0, false}} {
		ctx, end := context.WithCancel(t.Context())
		_, err := catalogs(ctx, cat, dir, imageOf(t, "acme/app", tt.image))
		end()
		if got := folders(); len(got) != tt.left || (err != nil) != tt.fails {
			t.Errorf("%d: %d children wait, want %d; error %v", i, len(got), tt.left, err)
		}
	}
	onlyLayoutLeft(t, work)
}
