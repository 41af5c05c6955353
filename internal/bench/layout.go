package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// A layout is an OCI image layout on disk. Layers are written as streams, so that one may be
// larger than memory.
type layout struct{ dir string }

// A stored layer is a descriptor of a layer's blob, and the digest of what it expands to.
type stored struct {
	desc   v1.Descriptor
	diffID v1.Hash
}

// newLayout empties dir and makes it the layout of nothing.
func newLayout(dir string) (*layout, error) {
	return &layout{dir: dir}, errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755),
		os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

// layer stores the gzip of the archive that fill writes.
func (l *layout) layer(fill func(*tar.Writer) error) (stored, error) {
	w, err := l.newLayer()
	if err != nil {
		return stored{}, err
	}
	if err := fill(w.Writer); err != nil {
		return stored{}, errors.Join(err, w.file.Close(), os.Remove(w.file.Name()))
	}
	return w.store()
}

// A layerWriter is a layer that is not complete yet.
type layerWriter struct {
	*tar.Writer
	layout *layout
	file   *os.File
	gzip   *gzip.Writer
	inner  *hashed // the archive
	outer  *hashed // the blob
}

// hashed is a writer that knows what has gone through.
type hashed struct {
	to   io.Writer
	sum  interface{ Sum([]byte) []byte }
	size int64
}

func newHashed(to io.Writer) *hashed {
	sum := sha256.New()
	return &hashed{to: io.MultiWriter(to, sum), sum: sum}
}

func (h *hashed) Write(p []byte) (int, error) {
	n, err := h.to.Write(p)
	h.size += int64(n)
	return n, err
}

func (h *hashed) digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", h.sum.Sum(nil))}
}

func (l *layout) newLayer() (*layerWriter, error) {
	file, err := os.CreateTemp(l.dir, "layer-")
	if err != nil {
		return nil, err
	}
	w := &layerWriter{layout: l, file: file, outer: newHashed(file)}
	w.gzip = gzip.NewWriter(w.outer)
	w.inner = newHashed(w.gzip)
	w.Writer = tar.NewWriter(w.inner)
	return w, nil
}

func (w *layerWriter) store() (stored, error) {
	if err := errors.Join(w.Close(), w.gzip.Close(), w.file.Chmod(0o644), w.file.Close()); err != nil {
		return stored{}, err
	}
	digest := w.outer.digest()
	return stored{
		desc:   v1.Descriptor{MediaType: types.OCILayer, Digest: digest, Size: w.outer.size},
		diffID: w.inner.digest(),
	}, os.Rename(w.file.Name(), w.layout.path(digest))
}

func (l *layout) path(digest v1.Hash) string {
	return filepath.Join(l.dir, "blobs", digest.Algorithm, digest.Hex)
}

// document stores JSON and returns its descriptor.
func (l *layout) document(mediaType types.MediaType, content any) (v1.Descriptor, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, os.WriteFile(l.path(digest), raw, 0o644)
}

// image stores the config and the manifest of layers.
func (l *layout) image(on v1.Platform, layers ...stored) (v1.Descriptor, error) {
	config := v1.ConfigFile{
		Architecture: on.Architecture, OS: on.OS, Variant: on.Variant, Created: v1.Time{Time: created},
		Config: v1.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, WorkingDir: "/"},
		RootFS: v1.RootFS{Type: "layers"},
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	for _, layer := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.diffID)
		config.History = append(config.History, v1.History{Created: config.Created, CreatedBy: "bench"})
		manifest.Layers = append(manifest.Layers, layer.desc)
	}
	var err error
	if manifest.Config, err = l.document(types.OCIConfigJSON, config); err != nil {
		return v1.Descriptor{}, err
	}
	desc, err := l.document(types.OCIManifestSchema1, manifest)
	desc.Platform = &on
	return desc, err
}

// index stores an index of images.
func (l *layout) index(images ...v1.Descriptor) (v1.Descriptor, error) {
	return l.document(types.OCIImageIndex, v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: images})
}

// contentAnnotation of a layout says what its image consists of.
const contentAnnotation = "content"

// finish names the one manifest that the layout is of, and what it consists of.
func (l *layout) finish(top v1.Descriptor, content string) error {
	raw, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{top}, Annotations: map[string]string{contentAnnotation: content},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.dir, "index.json"), raw, 0o644)
}
