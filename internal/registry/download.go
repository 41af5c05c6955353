package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/attest"
)

// Download implements [attest.Downloader]: it writes an OCI image layout with the images
// as its top-level manifests. Every blob is checked against its digest; one that several
// images share is fetched once.
//
// Layout: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
func (c *Client) Download(ctx context.Context, images []attest.Image, dir string) error {
	path, err := layout.FromPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return fmt.Errorf("open layout: %w", err)
	}
	opened := make([]v1.Image, len(images))
	for i, img := range images {
		if opened[i], err = c.open(ctx, img); err != nil {
			return err
		}
	}
	wanted, err := measure(opened, path)
	if err != nil {
		return err
	}
	if err := wanted.fits(dir); err != nil {
		return err
	}
	attest.Advance(ctx, attest.Downloaded, 0, wanted.bytes)
	attest.Advance(ctx, attest.Layers, 0, wanted.layers)
	for i, img := range images {
		if err := c.copyTo(ctx, path, img, opened[i]); err != nil {
			return err
		}
	}
	return nil
}

// open reads the manifest of an image.
func (c *Client) open(ctx context.Context, img attest.Image) (opened v1.Image, err error) {
	s, err := c.reader(ctx, img.Ref.Context())
	if err != nil {
		return nil, err
	}
	err = present(ctx, lateWaits, func() (err error) {
		opened, err = remote.Image(img.Ref, s.remote(ctx)...)
		return err
	})
	if err != nil {
		return nil, c.explainImage(err, img.Ref)
	}
	return opened, plausible(opened, img.Ref)
}

// copyTo copies what the layout lacks of an image.
func (c *Client) copyTo(ctx context.Context, path layout.Path, img attest.Image, opened v1.Image) error {
	s, err := c.reader(ctx, img.Ref.Context())
	if err != nil {
		return err
	}
	layers, err := s.missing(ctx, opened, path)
	if err != nil {
		return c.explainImage(err, img.Ref)
	}
	err = appendImage(ctx, path, withLayers{opened, layers})
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return noRoom("It became full while the layers were written to "+string(path)+".", err)
	case err != nil:
		return c.explainImage(fmt.Errorf("copy %s: %w", img.Platform, err), img.Ref)
	}
	return nil
}

// downloadTries is how often an image is asked for whose config breaks off on the way. Layers
// see to that themselves.
const downloadTries = 3

// appendImage writes an image into the layout. A further try fetches only the blobs that
// did not arrive whole.
func appendImage(ctx context.Context, path layout.Path, img v1.Image) (err error) {
	for range downloadTries {
		if err = path.AppendImage(img); !brokenOff(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func brokenOff(err error) bool {
	if _, ok := errors.AsType[*brokenDownload](err); ok {
		return false
	}
	network, ok := errors.AsType[*net.OpError](err)
	return errors.Is(err, io.ErrUnexpectedEOF) || (ok && network.Op == "read")
}

// missing returns the layers that the layout does not have whole.
func (s *session) missing(ctx context.Context, img v1.Image, path layout.Path) ([]v1.Layer, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Layers) != len(layers) {
		return nil, fmt.Errorf("the manifest has %d layers, and not %d", len(manifest.Layers), len(layers))
	}
	var out []v1.Layer
	have := map[v1.Hash]bool{}
	for i, d := range manifest.Layers {
		if !have[d.Digest] && !has(path, d.Digest, d.Size) {
			out = append(out, s.resume(ctx, layers[i], d))
		}
		have[d.Digest] = true
	}
	return out, nil
}

// withLayers is an image of which only some layers are written: the library asks the
// registry for each, and only then sees that it has it.
type withLayers struct {
	v1.Image
	layers []v1.Layer
}

// Layers implements [v1.Image].
func (w withLayers) Layers() ([]v1.Layer, error) { return w.layers, nil }
