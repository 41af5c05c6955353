package registry

import (
	"context"
	"fmt"

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
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("create layout: %w", err)
	}
	have := map[v1.Hash]bool{}
	for _, img := range images {
		s, err := c.session(ctx, img.Ref.Context())
		if err != nil {
			return err
		}
		remoteImage, err := remote.Image(img.Ref, s.remote(ctx)...)
		if err != nil {
			return c.explainImage(err, img.Ref)
		}
		layers, err := missing(remoteImage, have)
		if err != nil {
			return c.explainImage(err, img.Ref)
		}
		if err := path.AppendImage(withLayers{remoteImage, layers}); err != nil {
			return c.explainImage(fmt.Errorf("copy %s: %w", img.Platform, err), img.Ref)
		}
	}
	return nil
}

// missing returns the layers that are not in have yet, and adds them to it.
func missing(img v1.Image, have map[v1.Hash]bool) ([]v1.Layer, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	var out []v1.Layer
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return nil, err
		}
		if !have[digest] {
			have[digest] = true
			out = append(out, layer)
		}
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
