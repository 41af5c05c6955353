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
	Single   Kind = "single"   // an image without an index: alpine and hello
	Default  Kind = "default"  // what docker/build-push-action makes unasked: an index of one image and its attestation
	Multi    Kind = "multi"    // two platforms that share a layer, with attestations: debian, npm and hello
	Quad     Kind = "quad"     // four platforms that share their only layer, with attestations: debian
	Docker   Kind = "docker"   // Docker's own media types, two platforms
	Variant  Kind = "variant"  // linux/arm/v7, which only its config tells, and linux/arm64
	Bare     Kind = "bare"     // an index of one image, whose platform only its config tells
	OneIndex Kind = "oneindex" // an index of one image, and nothing else
	Nested   Kind = "nested"   // an index of two indexes, each of one platform
	Crowd    Kind = "crowd"    // an index of more images than anyone means to sign: 1,001
	Zstd     Kind = "zstd"     // an image whose layer is not compressed by gzip
	Scratch  Kind = "scratch"  // an image without layers
	Empty    Kind = "empty"    // an image in which no package can be found
	Windows  Kind = "windows"  // an index of one windows/amd64 image
	Helm     Kind = "helm"     // an artifact, not an image: a chart
)

// Kinds returns all kinds but the hostile ones.
func Kinds() []Kind {
	return []Kind{
		Single, Default, Multi, Quad, Docker, Variant, Bare, OneIndex, Nested, Crowd,
		Zstd, Scratch, Empty, Windows, Helm,
	}
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
		Single:   b.single,
		Default:  b.oneWithAttestation,
		Multi:    b.multi,
		Quad:     b.quad,
		Docker:   b.docker,
		Variant:  b.variant,
		Bare:     b.bare,
		OneIndex: b.oneIndex,
		Nested:   b.nested,
		Crowd:    b.crowd,
		Zstd:     b.zstd,
		Scratch:  b.scratch,
		Empty:    b.empty,
		Windows:  b.windows,
		Helm:     b.helm,

		Platforms: b.platformNames,
	}
	recipe, ok := recipes[kind]
	if hostile := b.hostile(kind); hostile != nil {
		recipe, ok = func(context.Context) (*Artifact, error) {
			layers, err := hostile()
			if err != nil {
				return nil, err
			}
			return hostileArtifact(kind, layers)
		}, true
	}
	if !ok {
		return nil, fmt.Errorf("unknown kind %q, want one of %q", kind, append(Kinds(), Hostile()...))
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

func (b *Builder) quad(context.Context) (*Artifact, error) {
	debian, err := b.fixture("debian")
	if err != nil {
		return nil, err
	}
	platforms := []v1.Platform{linux("amd64"), linux("arm64"), armV7(), linux("s390x")}
	images, err := newImages(oci(), platforms, debian)
	if err != nil {
		return nil, err
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

func armV7() v1.Platform { return v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"} }

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
