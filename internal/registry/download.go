package registry

import (
	"context"
	"fmt"

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
	for _, img := range images {
		s, err := c.session(ctx, img.Ref.Context())
		if err != nil {
			return err
		}
		remoteImage, err := remote.Image(img.Ref, s.remote(ctx)...)
		if err != nil {
			return c.explainImage(err, img.Ref)
		}
		if err := path.AppendImage(remoteImage); err != nil {
			return c.explainImage(fmt.Errorf("copy %s: %w", img.Platform, err), img.Ref)
		}
	}
	return nil
}
