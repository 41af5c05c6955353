package images

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entry is one manifest of an index; what its descriptor says beyond type, digest and size is up to the kind.
type entry struct {
	image       v1.Image
	index       v1.ImageIndex // in place of an image
	platform    *v1.Platform
	annotations map[string]string
}

// rawIndex is an index whose descriptors have exactly the fields that its kind gives them.
type rawIndex struct {
	manifest v1.IndexManifest
	raw      []byte
	entries  map[v1.Hash]entry
}

func newIndex(f format, entries []entry) (v1.ImageIndex, error) {
	x := &rawIndex{
		manifest: v1.IndexManifest{SchemaVersion: 2, MediaType: f.index},
		entries:  map[v1.Hash]entry{},
	}
	for i, e := range entries {
		desc, err := descriptor(e.content())
		if err != nil {
			return nil, fmt.Errorf("describe manifest %d: %w", i, err)
		}
		desc.Platform, desc.Annotations = e.platform, e.annotations
		x.manifest.Manifests = append(x.manifest.Manifests, desc)
		x.entries[desc.Digest] = e
	}
	var err error
	if x.raw, err = json.Marshal(x.manifest); err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	return x, nil
}

func (e entry) content() describable {
	if e.index != nil {
		return e.index
	}
	return e.image
}

func (x *rawIndex) MediaType() (types.MediaType, error)       { return x.manifest.MediaType, nil }
func (x *rawIndex) Digest() (v1.Hash, error)                  { return partial.Digest(x) }
func (x *rawIndex) Size() (int64, error)                      { return partial.Size(x) }
func (x *rawIndex) IndexManifest() (*v1.IndexManifest, error) { return x.manifest.DeepCopy(), nil }
func (x *rawIndex) RawManifest() ([]byte, error)              { return x.raw, nil }

func (x *rawIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	if index := x.entries[h].index; index != nil {
		return index, nil
	}
	return nil, fmt.Errorf("no index %s", h)
}

func (x *rawIndex) Image(h v1.Hash) (v1.Image, error) {
	if image := x.entries[h].image; image != nil {
		return image, nil
	}
	return nil, fmt.Errorf("no image %s", h)
}
