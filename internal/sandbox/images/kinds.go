package images

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Kind names one of the artifacts.
type Kind string

// The kinds: every shape of image that builders make, and some that are not for us to describe.
const (
	Single  Kind = "single"  // an image without an index: alpine and hello
	Default Kind = "default" // what docker/build-push-action makes unasked: an index of one image and its attestation
	Multi   Kind = "multi"   // two platforms that share a layer, with attestations: debian, npm and hello
	Docker  Kind = "docker"  // Docker's own media types, two platforms
	Variant Kind = "variant" // linux/arm/v7, which only its config tells, and linux/arm64
	Empty   Kind = "empty"   // an image in which no package can be found
	Windows Kind = "windows" // an index of one windows/amd64 image
	Helm    Kind = "helm"    // an artifact, not an image: a chart
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{Single, Default, Multi, Docker, Variant, Empty, Windows, Helm}
}

// Builder makes artifacts of fixtures. It is not safe for concurrent use.
type Builder struct {
	fixtures string
	binaries map[string]part // hello, by architecture
}

// NewBuilder returns a Builder that reads the fixtures in dir.
func NewBuilder(dir string) *Builder {
	return &Builder{fixtures: dir, binaries: map[string]part{}}
}

// Build makes the artifact of a kind.
func (b *Builder) Build(ctx context.Context, kind Kind) (*Artifact, error) {
	recipes := map[Kind]func(context.Context) (*Artifact, error){
		Single:  b.single,
		Default: b.oneWithAttestation,
		Multi:   b.multi,
		Docker:  b.docker,
		Variant: b.variant,
		Empty:   b.empty,
		Windows: b.windows,
		Helm:    b.helm,
	}
	recipe, ok := recipes[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %q, want one of %q", kind, Kinds())
	}
	artifact, err := recipe(ctx)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", kind, err)
	}
	artifact.Kind = kind
	return artifact, nil
}

func (b *Builder) single(ctx context.Context) (*Artifact, error) {
	alpine, err := b.fixture("alpine")
	if err != nil {
		return nil, err
	}
	hello, err := b.hello(ctx, "amd64")
	if err != nil {
		return nil, err
	}
	image, err := newImage(oci(), linux("amd64"), alpine, hello)
	if err != nil {
		return nil, err
	}
	return imageArtifact(image.image, image)
}

func (b *Builder) oneWithAttestation(context.Context) (*Artifact, error) {
	parts, err := b.fixturesOf("fedora", "npm")
	if err != nil {
		return nil, err
	}
	image, err := newImage(oci(), linux("amd64"), parts...)
	if err != nil {
		return nil, err
	}
	return attestedIndex(image)
}

// multi puts the same Debian layer into both images, as no distribution does: that a layer which occurs twice is
// downloaded once shows only with a layer that occurs twice.
func (b *Builder) multi(ctx context.Context) (*Artifact, error) {
	parts, err := b.fixturesOf("debian", "npm")
	if err != nil {
		return nil, err
	}
	var images []Image
	for _, arch := range []string{"amd64", "arm64"} {
		hello, err := b.hello(ctx, arch)
		if err != nil {
			return nil, err
		}
		image, err := newImage(oci(), linux(arch), slices.Concat(parts, []part{hello})...)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return attestedIndex(images...)
}

func (b *Builder) docker(context.Context) (*Artifact, error) {
	debian, err := b.fixture("debian")
	if err != nil {
		return nil, err
	}
	images, err := newImages(docker(), []v1.Platform{linux("amd64"), linux("arm64")}, debian)
	if err != nil {
		return nil, err
	}
	return plainIndex(docker(), images...)
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

func (b *Builder) empty(context.Context) (*Artifact, error) {
	greeting := file{path: "greeting.txt", mode: 0o644, data: []byte("Nothing was installed here.\n")}
	image, err := newImage(oci(), linux("amd64"), part{step: "COPY greeting.txt /", files: []file{greeting}})
	if err != nil {
		return nil, err
	}
	return imageArtifact(image.image, image)
}

// variant leaves the platform of the first image out of its descriptor: the image specification makes it optional.
func (b *Builder) variant(context.Context) (*Artifact, error) {
	debian, err := b.fixture("debian")
	if err != nil {
		return nil, err
	}
	v7 := linux("arm")
	v7.Variant = "v7"
	images, err := newImages(oci(), []v1.Platform{v7, linux("arm64")}, debian)
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

func (b *Builder) fixturesOf(names ...string) ([]part, error) {
	var parts []part
	for _, name := range names {
		p, err := b.fixture(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func linux(arch string) v1.Platform { return v1.Platform{OS: "linux", Architecture: arch} }

func plainIndex(f format, images ...Image) (*Artifact, error) {
	var entries []entry
	for _, image := range images {
		entries = append(entries, entry{image: image.image, platform: &image.on})
	}
	index, err := newIndex(f, entries)
	if err != nil {
		return nil, err
	}
	return indexArtifact(index, images)
}
