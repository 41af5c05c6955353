package sbom_test

import (
	"os"
	"path/filepath"
	"testing"
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
