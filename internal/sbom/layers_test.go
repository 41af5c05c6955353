package sbom_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// layersIn are the layers of images of a layout.
func layersIn(t *testing.T, dir string, images ...v1.Hash) (out [][]v1.Hash) {
	t.Helper()
	path := must(layout.FromPath(dir))
	for _, digest := range images {
		manifest := must(must(path.Image(digest)).Manifest())
		var layers []v1.Hash
		for _, l := range manifest.Layers {
			layers = append(layers, l.Digest)
		}
		out = append(out, layers)
	}
	return out
}

// unpackedIn are the files with contents of layers.
func unpackedIn(dir string) []string {
	return must(filepath.Glob(filepath.Join(dir, "contents", "*", "*")))
}

// Children are at work before all layers are there, and what two images have in common is
// unpacked once and kept for as long as one needs it.
func TestCatalogWhileDownloading(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	dir := filepath.Join(work, "layout")
	first, second := layoutOf(t, dir, alpine), layoutOf(t, dir, alpine, "testdata/node")
	layers := layersIn(t, dir, first, second)
	common, own := layers[0][0], layers[1][1]

	arrivals := attest.NewArrivals()
	arrivals.Expect(first, layers[0])
	arrivals.Expect(second, layers[1])
	cat := cataloger(work)
	type outcome struct {
		packages int
		err      error
	}
	outcomes := map[v1.Hash]chan outcome{first: make(chan outcome, 1), second: make(chan outcome, 1)}
	for _, digest := range []v1.Hash{first, second} {
		go func() {
			doc, err := cat.Catalog(t.Context(), dir, imageOf(t, "acme/app", digest), arrivals)
			if err != nil {
				doc = &attest.SBOM{}
			}
			outcomes[digest] <- outcome{doc.Packages, err}
		}()
	}
	arrivals.Arrive(common)
	if got := <-outcomes[first]; got.err != nil || got.packages != len(lines(t, alpine)) {
		t.Fatalf("the first image ended with %+v", got)
	}
	if kept := unpackedIn(dir); len(kept) < 1 || filepath.Base(kept[0]) != common.Hex {
		t.Errorf("what the second image needs is not kept: %q", kept)
	}
	arrivals.Arrive(own)
	if got := <-outcomes[second]; got.err != nil || got.packages != len(lines(t, alpine, "testdata/node")) {
		t.Fatalf("the second image ended with %+v", got)
	}
	for deadline := time.Now().Add(10 * time.Second); len(unpackedIn(dir)) > 0; time.Sleep(10 * time.Millisecond) { // nobody waits for it
		if time.Now().After(deadline) {
			t.Fatalf("%q are left", unpackedIn(dir))
		}
	}
}

// A child ends with the other, and with who waits for the layers.
func TestCatalogEndsTogether(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		work := workDir(t)
		dir := filepath.Join(work, "layout")
		image, _ := oddLayout(t, dir, 1, 0, odd{blob: []byte("no archive"), content: []byte("no archive")})
		_, err := catalogs(t.Context(), cataloger(work), dir, imageOf(t, "acme/app", image))
		if p := problem.From(err); p.Code != problem.SBOMFailed || !strings.Contains(p.Why, "it is no whole tar archive") {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Run("refused by both", func(t *testing.T) {
		t.Parallel()
		work := workDir(t)
		dir := filepath.Join(work, "layout")
		content := tarFile(t, "file", 0)
		image, _ := oddLayout(t, dir, 0, 0, odd{blob: content, content: content})
		for range 5 {
			_, err := catalogs(t.Context(), cataloger(work), dir, imageOf(t, "acme/app", image))
			if p := problem.From(err); p.Code != problem.SBOMFailed || !strings.Contains(p.Why, "and the config 0") {
				t.Errorf("it ended with %v", err)
			}
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		work := workDir(t)
		dir := filepath.Join(work, "layout")
		image := layoutOf(t, dir, alpine)
		arrivals := attest.NewArrivals()
		arrivals.Expect(image, layersIn(t, dir, image)[0])
		cause := errors.New("the download failed")
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(300*time.Millisecond, func() { stop(cause) })
		if _, err := cataloger(work).Catalog(ctx, dir, imageOf(t, "acme/app", image), arrivals); !errors.Is(err, cause) {
			t.Errorf("it ended with %v, want %v", err, cause)
		}
	})
}

// A layer that could not be unpacked for one image is tried again for the next, also where a
// third one, which was never begun, has it too.
func TestCatalogAfterFailure(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	dir := filepath.Join(work, "layout")
	image, other := layoutOf(t, dir, alpine), layoutOf(t, dir, alpine, "testdata/node")
	cat := cataloger(work)

	broken := attest.NewArrivals()
	for i, layers := range layersIn(t, dir, image, other) {
		broken.Expect([]v1.Hash{image, other}[i], layers)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { stop(errors.New("the download failed")) })
	if _, err := cat.Catalog(ctx, dir, imageOf(t, "acme/app", image), broken); err == nil {
		t.Fatal("it was cataloged without its layer")
	}
	got, err := catalogs(t.Context(), cat, dir, imageOf(t, "acme/again", image))
	if err != nil || got.Packages != len(lines(t, alpine)) {
		t.Errorf("then it ended with %v", err)
	}
}

// What one image says of the content of a layer does not hold for another, and a layer counts
// as often as an image lists it.
func TestCatalogSharedLayers(t *testing.T) {
	t.Parallel()
	content := tarFile(t, "file", 0)
	layer := odd{blob: gzipped(t, content), content: content}
	zeros := tarFile(t, "file", 8<<20)
	many := slices.Repeat([]odd{{blob: gzipped(t, zeros), content: zeros}}, 900)
	for name, c := range map[string]struct {
		other []odd
		why   string
	}{
		"another content": {[]odd{{blob: layer.blob, content: []byte("something else")}}, "and the config says"},
		"many times":      {many, "with it, the layers expand to more than 200 times their size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := workDir(t)
			dir := filepath.Join(work, "layout")
			fine, _ := oddLayout(t, dir, 1, 0, layer)
			wrong, _ := oddLayout(t, dir, len(c.other), 0, c.other...)
			arrivals := attest.NewArrivals()
			for i, layers := range layersIn(t, dir, fine, wrong) {
				arrivals.Expect([]v1.Hash{fine, wrong}[i], layers)
				for _, l := range layers {
					arrivals.Arrive(l)
				}
			}
			cat := cataloger(work)
			if _, err := cat.Catalog(t.Context(), dir, imageOf(t, "acme/app", fine), arrivals); err != nil {
				t.Fatal(err)
			}
			_, err := cat.Catalog(t.Context(), dir, imageOf(t, "acme/app", wrong), arrivals)
			if p := problem.From(err); !strings.Contains(p.Why, c.why) {
				t.Errorf("it ended with %v, want %q", err, c.why)
			}
		})
	}
}
