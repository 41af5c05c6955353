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
