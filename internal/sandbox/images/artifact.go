package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Artifact is what a tag can point to: an image, an index of images, or something else in the shape of an image.
type Artifact struct {
	Kind      Kind            `json:"kind"`
	MediaType types.MediaType `json:"media_type"`
	Digest    v1.Hash         `json:"digest"`
	Images    []Image         `json:"images"`

	size  int64
	image v1.Image      // nil when it is an index
	index v1.ImageIndex // nil when it is not
}

// Image is one image that runs, with the truth about its content. Attestation manifests and artifacts are none.
type Image struct {
	Platform string   `json:"platform"`
	Digest   v1.Hash  `json:"digest"`
	Packages []string `json:"packages"`

	image v1.Image
	on    v1.Platform
}

// imageArtifact is an artifact of one manifest; images is what it counts for, one image or none.
func imageArtifact(image v1.Image, images ...Image) (*Artifact, error) {
	a := &Artifact{image: image, Images: append([]Image{}, images...)}
	return a, a.describe(image)
}

func indexArtifact(index v1.ImageIndex, images []Image) (*Artifact, error) {
	a := &Artifact{index: index, Images: images}
	return a, a.describe(index)
}

// describable is what images and indexes have in common.
type describable interface {
	MediaType() (types.MediaType, error)
	Digest() (v1.Hash, error)
	Size() (int64, error)
}

func (a *Artifact) describe(d describable) error {
	desc, err := descriptor(d)
	if err != nil {
		return err
	}
	a.MediaType, a.Digest, a.size = desc.MediaType, desc.Digest, desc.Size
	return nil
}

// descriptor has only the three fields that every builder writes. partial.Descriptor of go-containerregistry also
// sets artifactType, which the descriptors of BuildKit and Docker do not have.
func descriptor(d describable) (v1.Descriptor, error) {
	var desc v1.Descriptor
	var err error
	if desc.MediaType, err = d.MediaType(); err != nil {
		return desc, fmt.Errorf("read media type: %w", err)
	}
	if desc.Digest, err = d.Digest(); err != nil {
		return desc, fmt.Errorf("compute digest: %w", err)
	}
	if desc.Size, err = d.Size(); err != nil {
		return desc, fmt.Errorf("compute size: %w", err)
	}
	return desc, nil
}

// Write writes the artifact as an OCI layout dir/KIND and its description as dir/KIND.json.
func (a *Artifact) Write(dir string) error {
	if err := a.writeLayout(filepath.Join(dir, string(a.Kind))); err != nil {
		return fmt.Errorf("write layout of %s: %w", a.Kind, err)
	}
	var doc bytes.Buffer
	enc := json.NewEncoder(&doc)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(a); err != nil {
		return fmt.Errorf("encode description of %s: %w", a.Kind, err)
	}
	if err := os.WriteFile(filepath.Join(dir, string(a.Kind)+".json"), doc.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write description of %s: %w", a.Kind, err)
	}
	return nil
}

func (a *Artifact) writeLayout(dir string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if a.index != nil {
		err = path.WriteIndex(a.index)
	} else {
		err = path.WriteImage(a.image)
	}
	if err != nil {
		return err
	}
	return path.AppendDescriptor(v1.Descriptor{MediaType: a.MediaType, Size: a.size, Digest: a.Digest})
}
