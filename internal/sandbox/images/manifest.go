package images

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// format is a family of media types.
type format struct {
	manifest, config, layer, index types.MediaType
}

func oci() format {
	return format{types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer, types.OCIImageIndex}
}

func docker() format {
	return format{types.DockerManifestSchema2, types.DockerConfigJSON, types.DockerLayer, types.DockerManifestList}
}

// rawImage is a manifest with its blobs, written field by field: go-containerregistry's own images always have a
// real image config, which attestation manifests and artifacts have not.
type rawImage struct {
	mediaType        types.MediaType
	manifest, config []byte
	layers           map[v1.Hash]v1.Layer
}

// assemble makes the image of m, whose config and layer descriptors it fills in.
func assemble(m v1.Manifest, config []byte, layers ...v1.Layer) (v1.Image, error) {
	raw := &rawImage{mediaType: m.MediaType, config: config, layers: map[v1.Hash]v1.Layer{}}
	digest, size, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		return nil, fmt.Errorf("hash config: %w", err)
	}
	m.SchemaVersion = 2
	m.Config.Digest, m.Config.Size = digest, size
	for i, layer := range layers {
		desc, err := descriptor(layer)
		if err != nil {
			return nil, fmt.Errorf("describe layer %d: %w", i, err)
		}
		if len(m.Layers) == i {
			m.Layers = append(m.Layers, v1.Descriptor{})
		}
		desc.Annotations = m.Layers[i].Annotations
		m.Layers[i] = desc
		raw.layers[desc.Digest] = layer
	}
	if raw.manifest, err = json.Marshal(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return partial.CompressedToImage(raw)
}

func (r *rawImage) MediaType() (types.MediaType, error) { return r.mediaType, nil }
func (r *rawImage) RawManifest() ([]byte, error)        { return r.manifest, nil }
func (r *rawImage) RawConfigFile() ([]byte, error)      { return r.config, nil }

func (r *rawImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := r.layers[h]
	if !ok {
		return nil, fmt.Errorf("no layer %s", h)
	}
	return layer, nil
}

// entry is one manifest of an index; what its descriptor says beyond type, digest and size is up to the kind.
type entry struct {
	image       v1.Image
	platform    *v1.Platform
	annotations map[string]string
}

// rawIndex is an index whose descriptors have exactly the fields that its kind gives them.
type rawIndex struct {
	manifest v1.IndexManifest
	raw      []byte
	images   map[v1.Hash]v1.Image
}

func newIndex(f format, entries []entry) (v1.ImageIndex, error) {
	x := &rawIndex{
		manifest: v1.IndexManifest{SchemaVersion: 2, MediaType: f.index},
		images:   map[v1.Hash]v1.Image{},
	}
	for i, e := range entries {
		desc, err := descriptor(e.image)
		if err != nil {
			return nil, fmt.Errorf("describe manifest %d: %w", i, err)
		}
		desc.Platform, desc.Annotations = e.platform, e.annotations
		x.manifest.Manifests = append(x.manifest.Manifests, desc)
		x.images[desc.Digest] = e.image
	}
	var err error
	if x.raw, err = json.Marshal(x.manifest); err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	return x, nil
}

func (x *rawIndex) MediaType() (types.MediaType, error)       { return x.manifest.MediaType, nil }
func (x *rawIndex) Digest() (v1.Hash, error)                  { return partial.Digest(x) }
func (x *rawIndex) Size() (int64, error)                      { return partial.Size(x) }
func (x *rawIndex) IndexManifest() (*v1.IndexManifest, error) { return x.manifest.DeepCopy(), nil }
func (x *rawIndex) RawManifest() ([]byte, error)              { return x.raw, nil }
func (x *rawIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("no index %s", h)
}

func (x *rawIndex) Image(h v1.Hash) (v1.Image, error) {
	image, ok := x.images[h]
	if !ok {
		return nil, fmt.Errorf("no image %s", h)
	}
	return image, nil
}
