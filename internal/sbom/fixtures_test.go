package sbom_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/sbom"
)

// Folders with real package databases; each has a packages.txt, as the package manager says.
const (
	alpine = "../../testdata/images/alpine"
	debian = "../../testdata/images/debian"
	fedora = "../../testdata/images/fedora"
	npm    = "../../testdata/images/npm"
)

// layoutAt is the layout in dir, which is made if need be.
func layoutAt(t *testing.T, dir string) layout.Path {
	t.Helper()
	if path, err := layout.FromPath(dir); err == nil {
		return path
	}
	return must(layout.Write(dir, empty.Index))
}

// layoutOf adds an image to the layout in dir, with a layer for each folder.
func layoutOf(t *testing.T, dir string, folders ...string) v1.Hash {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, folder := range folders {
		content := tarOf(t, os.DirFS(folder))
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	if err := layoutAt(t, dir).AppendImage(img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func tarOf(t *testing.T, files fs.FS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == "packages.txt" {
			return err // git keeps no empty folders, so folders must not count
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ask is a request of the child, as the parent writes it.
type ask struct {
	Layout, Contents, Digest, Repository, Platform, Version, Author string

	Created time.Time
	Options sbom.Options
}

func request(dir string, digest v1.Hash, formats ...attest.Format) ask {
	return ask{
		Layout: dir, Digest: digest.String(), Repository: "registry.example.com/acme/app", Platform: "linux/amd64",
		Version: "1.2.3", Author: "Organization: acme", Created: created,
		Options: sbom.Options{Formats: formats, Files: sbom.FilesNone},
	}
}

func (a ask) encode(t *testing.T) []byte {
	t.Helper()
	a.Contents = t.TempDir()
	encoded, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// withScanner has syft's scanner of license texts, which takes seconds to make.
var withScanner = sync.OnceValue(func() context.Context {
	ctx, err := syft.SetContextLicenseScanner(context.Background(), cataloging.DefaultLicenseConfig())
	if err != nil {
		panic(err)
	}
	return ctx
})

// catalog asks the child, in this process.
func (a ask) catalog(t *testing.T) (packages int, documents [][]byte) {
	t.Helper()
	var out bytes.Buffer
	if err := sbom.ChildIn(withScanner(), bytes.NewReader(a.encode(t)), &out); err != nil {
		t.Fatal(err)
	}
	line, rest, _ := bytes.Cut(out.Bytes(), []byte("\n"))
	var header struct {
		Packages int
		Sizes    []int
	}
	if err := json.Unmarshal(line, &header); err != nil {
		t.Fatal(err)
	}
	for _, size := range header.Sizes {
		documents = append(documents, rest[:size])
		rest = rest[size:]
	}
	if len(rest) > 0 || len(documents) != len(a.Options.Formats) {
		t.Errorf("%d documents and %d bytes, want %d documents", len(documents), len(rest), len(a.Options.Formats))
	}
	return header.Packages, documents
}

// lines are those of packages.txt in the folders, sorted.
func lines(t *testing.T, folders ...string) (out []string) {
	t.Helper()
	for _, folder := range folders {
		out = append(out, strings.Split(strings.TrimSpace(readFile(t, filepath.Join(folder, "packages.txt"))), "\n")...)
	}
	slices.Sort(out)
	return out
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// indented is JSON for a golden file.
func indented(t *testing.T, document []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, document, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
