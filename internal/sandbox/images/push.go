package images

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push uploads the one manifest of the OCI layout in dir to ref, with everything below it, and returns its digest.
func Push(ctx context.Context, dir string, ref name.Reference, options ...remote.Option) (v1.Hash, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("open layout %s: %w", dir, err)
	}
	top, err := index.IndexManifest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read index.json of %s: %w", dir, err)
	}
	if n := len(top.Manifests); n != 1 {
		return v1.Hash{}, fmt.Errorf("layout %s has %d manifests, want one", dir, n)
	}
	desc := top.Manifests[0]
	options = append(options, remote.WithContext(ctx))
	if err := upload(index, desc, ref, options); err != nil {
		return v1.Hash{}, fmt.Errorf("push %s to %s: %w", dir, ref, err)
	}
	return desc.Digest, nil
}

func upload(index v1.ImageIndex, desc v1.Descriptor, ref name.Reference, options []remote.Option) error {
	if desc.MediaType.IsIndex() {
		child, err := index.ImageIndex(desc.Digest)
		if err != nil {
			return err
		}
		return remote.WriteIndex(ref, child, options...)
	}
	child, err := index.Image(desc.Digest)
	if err != nil {
		return err
	}
	return remote.Write(ref, child, options...)
}
