package images

import (
	"encoding/json"
	"fmt"
	"net/url"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The names that BuildKit gives its attestations,
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
const (
	referenceType       = "vnd.docker.reference.type"
	referenceDigest     = "vnd.docker.reference.digest"
	attestationManifest = "attestation-manifest"
	predicateTypeKey    = "in-toto.io/predicate-type"
	provenanceType      = "https://slsa.dev/provenance/v0.2"

	statementMediaType types.MediaType = "application/vnd.in-toto+json"
)

type object = map[string]any

// attestedIndex is the index that BuildKit pushes: all images, then the attestation manifest of each. Those are
// manifests for the platform unknown/unknown, so that no runtime picks one.
func attestedIndex(images ...Image) (*Artifact, error) {
	var entries []entry
	for _, image := range images {
		entries = append(entries, entry{image: image.image, platform: &image.on})
	}
	for _, image := range images {
		attestation, err := provenanceOf(image)
		if err != nil {
			return nil, fmt.Errorf("attest %s: %w", image.Platform, err)
		}
		entries = append(entries, entry{
			image:    attestation,
			platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
			annotations: map[string]string{
				referenceType:   attestationManifest,
				referenceDigest: image.Digest.String(),
			},
		})
	}
	index, err := newIndex(oci(), entries)
	if err != nil {
		return nil, err
	}
	return indexArtifact(index, images)
}

// provenanceOf makes the attestation manifest of an image: one unsigned statement, BuildKit's minimal provenance.
func provenanceOf(image Image) (v1.Image, error) {
	statement, err := json.Marshal(object{
		"_type":         "https://in-toto.io/Statement/v0.1",
		"predicateType": provenanceType,
		"subject": []object{{
			"name":   "pkg:docker/example.com/acme/app@v1?platform=" + url.QueryEscape(image.Platform),
			"digest": object{image.Digest.Algorithm: image.Digest.Hex},
		}},
		"predicate": provenance(image.Platform),
	})
	if err != nil {
		return nil, fmt.Errorf("encode statement: %w", err)
	}
	layer := static.NewLayer(statement, statementMediaType)
	diffID, err := layer.DiffID()
	if err != nil {
		return nil, fmt.Errorf("hash statement: %w", err)
	}
	config, err := json.Marshal(object{
		"architecture": "unknown",
		"os":           "unknown",
		"config":       object{},
		"rootfs":       object{"type": "layers", "diff_ids": []string{diffID.String()}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode config: %w", err)
	}
	return assemble(v1.Manifest{
		MediaType: types.OCIManifestSchema1,
		Config:    v1.Descriptor{MediaType: types.OCIConfigJSON},
		Layers:    []v1.Descriptor{{Annotations: map[string]string{predicateTypeKey: provenanceType}}},
	}, config, layer)
}

func provenance(platform string) object {
	return object{
		"builder":   object{"id": ""},
		"buildType": "https://mobyproject.org/buildkit@v1",
		"materials": []object{},
		"invocation": object{
			"configSource": object{"entryPoint": "Dockerfile"},
			"parameters":   object{"frontend": "dockerfile.v0", "locals": []object{{"name": "context"}, {"name": "dockerfile"}}},
			"environment":  object{"platform": platform},
		},
		"metadata": object{
			"buildInvocationID": "x4k1ymnc5m0lsoeq2c8qhp7ae",
			"buildStartedOn":    created,
			"buildFinishedOn":   created,
			"completeness":      object{"parameters": false, "environment": true, "materials": false},
			"reproducible":      false,
			"https://mobyproject.org/buildkit@v1#metadata": object{},
		},
	}
}
