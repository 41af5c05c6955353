package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// description is what the image says about itself.
type description struct {
	created          time.Time // of every file too
	version          string    // without v
	source, revision string    // empty if unknown
}

// labels are those of
// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
func (d description) labels() map[string]string {
	all := map[string]string{
		"org.opencontainers.image.title":       "seal-image",
		"org.opencontainers.image.description": "GitHub action that signs container images and attaches signed SBOMs",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     d.version,
		"org.opencontainers.image.created":     d.created.Format(time.RFC3339),
	}
	// ghcr.io connects a package with the repository of this address.
	if d.source != "" {
		all["org.opencontainers.image.source"] = d.source
	}
	if d.revision != "" {
		all["org.opencontainers.image.revision"] = d.revision
	}
	return all
}

// assemble makes an OCI index with an image for each platform. The same arguments give the
// same bytes.
func assemble(c *content, about description) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		img, err := imageFor(platform, c, about)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	return mutate.Annotations(index, about.labels()).(v1.ImageIndex), nil
}

func imageFor(platform v1.Platform, c *content, about description) (v1.Image, error) {
	files, err := archive(c, platform.Architecture, about.created)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture,
		Created: v1.Time{Time: about.created},
		// No User, as in the Dockerfile: the runner's files belong to another one. PATH is what
		// docker build adds.
		Config: v1.Config{
			Entrypoint: []string{"/seal-image"}, Labels: about.labels(),
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		},
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(img, mutate.Addendum{
		Layer: layer, History: v1.History{Created: v1.Time{Time: about.created}, CreatedBy: "seal-image make image"},
	})
}

// archive is the only layer, in the order of the paths.
func archive(c *content, architecture string, modified time.Time) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		kind byte
		mode int64
		text []byte
	}{
		{"LICENSES.txt", tar.TypeReg, 0o644, c.licenses},
		{"etc/", tar.TypeDir, 0o755, nil},
		{"etc/ssl/", tar.TypeDir, 0o755, nil},
		{"etc/ssl/certs/", tar.TypeDir, 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", tar.TypeReg, 0o644, c.roots},
		{"seal-image", tar.TypeReg, 0o755, c.program[architecture]},
	} {
		header := &tar.Header{
			Typeflag: f.kind, Name: f.name, Mode: f.mode, Size: int64(len(f.text)),
			ModTime: modified, Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	err := w.Close() // writes the end, so before Bytes
	return buf.Bytes(), err
}
