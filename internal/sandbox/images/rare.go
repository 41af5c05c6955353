package images

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// crowdSize is one more than a thousand.
const crowdSize = 1001

// variant leaves the platform of the first image out of its descriptor: the image specification makes it optional.
func (b *Builder) variant(context.Context) (*Artifact, error) {
	debian, err := b.fixture("debian")
	if err != nil {
		return nil, err
	}
	images, err := newImages(oci(), []v1.Platform{armV7(), linux("arm64")}, debian)
	if err != nil {
		return nil, err
	}
	index, err := newIndex(oci(), []entry{
		{image: images[0].image},
		{image: images[1].image, platform: &images[1].on},
	})
	if err != nil {
		return nil, err
	}
	return indexArtifact(index, images)
}

func (b *Builder) bare(context.Context) (*Artifact, error) {
	image, err := b.alpine("amd64")
	if err != nil {
		return nil, err
	}
	index, err := newIndex(oci(), []entry{{image: image.image}})
	if err != nil {
		return nil, err
	}
	return indexArtifact(index, []Image{image})
}

func (b *Builder) oneIndex(context.Context) (*Artifact, error) {
	image, err := b.alpine("amd64")
	if err != nil {
		return nil, err
	}
	return plainIndex(oci(), image)
}

func (b *Builder) nested(context.Context) (*Artifact, error) {
	var entries []entry
	var images []Image
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := b.alpine(arch)
		if err != nil {
			return nil, err
		}
		inner, err := plainIndex(oci(), image)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{index: inner.index})
		images = append(images, image)
	}
	index, err := newIndex(oci(), entries)
	if err != nil {
		return nil, err
	}
	return indexArtifact(index, images)
}

// crowd varies the platform, and with it the config and the digest; the layer is the same.
func (b *Builder) crowd(context.Context) (*Artifact, error) {
	npm, err := b.fixture("npm")
	if err != nil {
		return nil, err
	}
	platforms := make([]v1.Platform, crowdSize)
	for i := range platforms {
		platforms[i] = linux("amd64")
		platforms[i].Variant = fmt.Sprintf("v%d", i+1)
	}
	images, err := newImages(oci(), platforms, npm)
	if err != nil {
		return nil, err
	}
	return plainIndex(oci(), images...)
}

func (b *Builder) zstd(context.Context) (*Artifact, error) {
	debian, err := b.fixture("debian")
	if err != nil {
		return nil, err
	}
	f := oci()
	f.layer = types.OCILayerZStd
	image, err := newImage(f, linux("amd64"), debian)
	if err != nil {
		return nil, err
	}
	return imageArtifact(image.image, image)
}

func (b *Builder) scratch(context.Context) (*Artifact, error) {
	image, err := newImage(oci(), linux("amd64"))
	if err != nil {
		return nil, err
	}
	return imageArtifact(image.image, image)
}

func (b *Builder) empty(context.Context) (*Artifact, error) {
	greeting := file{path: "greeting.txt", mode: 0o644, data: []byte("Nothing was installed here.\n")}
	image, err := newImage(oci(), linux("amd64"), part{step: "COPY greeting.txt /", files: []file{greeting}})
	if err != nil {
		return nil, err
	}
	return imageArtifact(image.image, image)
}

func (b *Builder) windows(context.Context) (*Artifact, error) {
	npm, err := b.fixture("npm")
	if err != nil {
		return nil, err
	}
	on := v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.2849"}
	// In a layer for Windows the root of the file system is the folder Files.
	image, err := newImage(oci(), on, npm.under("Files"))
	if err != nil {
		return nil, err
	}
	return plainIndex(oci(), image)
}

// alpine is the image of the fixture alpine alone.
func (b *Builder) alpine(arch string) (Image, error) {
	alpine, err := b.fixture("alpine")
	if err != nil {
		return Image{}, err
	}
	return newImage(oci(), linux(arch), alpine)
}
