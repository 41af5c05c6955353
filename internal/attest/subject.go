package attest

import (
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Manifest is an image manifest or an index in a registry, pinned to its digest.
type Manifest struct {
	Ref       name.Digest // repository@digest; every request uses it, never a tag
	MediaType types.MediaType
	Size      int64 // of the manifest, in bytes
}

// Digest of the manifest.
func (m Manifest) Digest() v1.Hash {
	// A name.Digest was checked when it was made: "sha256:" and 64 hexadecimal digits.
	h, _ := v1.NewHash(m.Ref.DigestStr())
	return h
}

// Image is the manifest of one platform.
type Image struct {
	Manifest
	Platform v1.Platform
}

// Subject is the pushed image that statements are made about.
type Subject struct {
	Manifest
	// Tags are the tags that the user wrote, for display; empty if they wrote digests.
	Tags []string
	// ArtifactType is the type of a manifest that is not a container image, e.g. a Helm
	// chart; empty for an image.
	ArtifactType string
	// Images has the selected platforms: one entry for a plain image or an artifact.
	Images []Image
	// Platforms is how many platform images the index has, selected or not; 1 for a
	// plain image.
	Platforms int
}

// IsIndex reports whether the subject is an index and not a plain image.
func (s *Subject) IsIndex() bool { return s.MediaType.IsIndex() }

// digests are the manifests that can have statements: the platforms, then the index.
func (s *Subject) digests() []Manifest {
	out := make([]Manifest, 0, len(s.Images)+1)
	for _, img := range s.Images {
		out = append(out, img.Manifest)
	}
	if s.IsIndex() {
		out = append(out, s.Manifest)
	}
	return out
}

// SBOM lists the packages of one image, or describes an index.
type SBOM struct {
	Image     Image      // of an index: its manifest, without platform
	Documents []Document // the same content in each format asked for
	Packages  int        // packages that the image contains, without the image itself
}
