package images

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
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
	content, err := load(layout.Path(dir), desc)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read layout %s: %w", dir, err)
	}
	options = append(options, remote.WithContext(ctx))
	if content.index != nil {
		err = remote.WriteIndex(ref, content.index, options...)
	} else {
		err = remote.Write(ref, content.image, options...)
	}
	if err != nil {
		return v1.Hash{}, fmt.Errorf("push %s to %s: %w", dir, ref, err)
	}
	return desc.Digest, nil
}

// load reads a manifest of a layout with everything below it. The layout package of go-containerregistry would parse
// an index again for each of its images, which takes seconds with a thousand of them.
func load(path layout.Path, desc v1.Descriptor) (entry, error) {
	raw, err := path.Bytes(desc.Digest)
	if err != nil {
		return entry{}, fmt.Errorf("read manifest: %w", err)
	}
	if desc.MediaType.IsIndex() {
		index, err := loadIndex(path, raw)
		return entry{index: index}, err
	}
	image, err := loadImage(path, desc.MediaType, raw)
	return entry{image: image}, err
}

func loadIndex(path layout.Path, raw []byte) (v1.ImageIndex, error) {
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse index: %w", err)
	}
	x := &rawIndex{manifest: *manifest, raw: raw, entries: map[v1.Hash]entry{}}
	for _, desc := range manifest.Manifests {
		if x.entries[desc.Digest], err = load(path, desc); err != nil {
			return nil, fmt.Errorf("entry %s: %w", desc.Digest, err)
		}
	}
	return x, nil
}

func loadImage(path layout.Path, mediaType types.MediaType, raw []byte) (v1.Image, error) {
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse manifest: %w", err)
	}
	config, err := path.Bytes(manifest.Config.Digest)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	image := &rawImage{mediaType: mediaType, manifest: raw, config: config, layers: map[v1.Hash]v1.Layer{}}
	for _, desc := range manifest.Layers {
		content, err := path.Bytes(desc.Digest)
		if err != nil {
			return nil, fmt.Errorf("read layer: %w", err)
		}
		image.layers[desc.Digest] = static.NewLayer(content, desc.MediaType)
	}
	return partial.CompressedToImage(image)
}
