package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// packagesFile lists what a fixture holds, as its package manager tells it. It does not enter the image.
const packagesFile = "packages.txt"

// created is the time of everything in the images, so that their digests do not depend on the clock.
var created = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// part is a layer to be: its files, the build step that it stands for, and the packages that it brings,
// each as "TYPE NAME VERSION" with the type of a package URL.
type part struct {
	step     string
	files    []file
	packages []string
}

type file struct {
	path string
	mode int64
	data []byte
}

// fixture reads the root file system NAME from the fixtures.
func (b *Builder) fixture(name string) (part, error) {
	root := filepath.Join(b.fixtures, name)
	p := part{step: "COPY " + name + " /"}
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		if rel == packagesFile {
			p.packages = strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
			return nil
		}
		p.files = append(p.files, file{path: filepath.ToSlash(rel), mode: 0o644, data: data})
		return nil
	})
	if err != nil {
		return part{}, fmt.Errorf("read fixture %s: %w", name, err)
	}
	if len(p.packages) == 0 {
		return part{}, fmt.Errorf("read fixture %s: no packages in %s", name, packagesFile)
	}
	return p, nil
}

// under moves the files of the part into the folder dir.
func (p part) under(dir string) part {
	p.files = slices.Clone(p.files)
	for i := range p.files {
		p.files[i].path = path.Join(dir, p.files[i].path)
	}
	return p
}

func (p part) layer(f format) (v1.Layer, error) {
	archive, err := archiveOf(p.files)
	if err != nil {
		return nil, fmt.Errorf("archive %q: %w", p.step, err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	options := []tarball.LayerOption{tarball.WithMediaType(f.layer), tarball.WithCompressedCaching}
	if f.layer == types.OCILayerZStd {
		options = append(options, tarball.WithCompression(compression.ZStd))
	}
	layer, err := tarball.LayerFromOpener(open, options...)
	if err != nil {
		return nil, fmt.Errorf("compress %q: %w", p.step, err)
	}
	return layer, nil
}

// archiveOf returns a tar archive of files and the folders that they are in, sorted by path.
func archiveOf(files []file) ([]byte, error) {
	headers := map[string]*tar.Header{}
	contents := map[string][]byte{}
	for _, f := range files {
		for dir := path.Dir(f.path); dir != "."; dir = path.Dir(dir) {
			headers[dir+"/"] = &tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: created}
		}
		headers[f.path] = &tar.Header{
			Typeflag: tar.TypeReg, Name: f.path, Mode: f.mode, ModTime: created, Size: int64(len(f.data)),
		}
		contents[f.path] = f.data
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if err := w.WriteHeader(headers[name]); err != nil {
			return nil, fmt.Errorf("write header of %s: %w", name, err)
		}
		if _, err := w.Write(contents[name]); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("close archive: %w", err)
	}
	return archive.Bytes(), nil
}
