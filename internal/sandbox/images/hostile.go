package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The hostile kinds: images that somebody makes to do harm, each small on disk.
const (
	GzipBomb    Kind = "gzip-bomb"     // 10 MB that expand to 10 GB
	ZstdBomb    Kind = "zstd-bomb"     // 10 GB as well, of less than a megabyte
	ZstdWindow  Kind = "zstd-window"   // a frame that wants 512 MiB of memory
	LayerBombs  Kind = "layer-bombs"   // a layer of 90 MB, 100 times: each is below what one layer may expand to
	Traversal   Kind = "traversal"     // paths and links that lead out of the image, and devices; alpine
	LinkCycles  Kind = "link-cycles"   // links to themselves and to each other, and a chain of 1,000; alpine
	ManyFiles   Kind = "many-files"    // 200,000 empty files; alpine
	Million     Kind = "million-files" // a million of them
	TooMany     Kind = "too-many"      // three million of them
	DeepFolders Kind = "deep-folders"  // folders in folders, 2,000 deep
	LongName    Kind = "long-name"     // a file whose name has 64 KiB
	Names       Kind = "names"         // names that are no text, or commands to the runner or to a terminal; alpine
	Platforms   Kind = "platforms"     // the same in the names of platforms and in the labels of two images; alpine
	Corrupt     Kind = "corrupt"       // package databases and binaries that are none; alpine
	JarBomb     Kind = "jar-bomb"      // a jar of jars that expand to 3 GB each; alpine
	ManyJars    Kind = "many-jars"     // a jar of 100,000 jars; alpine
	NestedJars  Kind = "nested-jars"   // a jar in a jar, 100 deep; alpine
	ManyLayers  Kind = "many-layers"   // a manifest that lists a layer 10,000 times
	NoTar       Kind = "no-tar"        // a layer that is no archive
	CutOff      Kind = "cut-off"       // a compressed layer that ends in the middle
	WrongDiffID Kind = "wrong-diff-id" // a layer whose content is not what the config says
	FewDiffIDs  Kind = "few-diff-ids"  // a config that lists fewer layers than the manifest
	WeirdType   Kind = "weird-type"    // a layer of a media type that nobody knows
	BigConfig   Kind = "big-config"    // a config of 20 MB
)

// Hostile returns the hostile kinds.
func Hostile() []Kind {
	return []Kind{
		GzipBomb, ZstdBomb, ZstdWindow, LayerBombs, Traversal, LinkCycles, ManyFiles, Million, TooMany, DeepFolders, LongName, Names, Platforms,
		Corrupt, JarBomb, ManyJars, NestedJars, ManyLayers, NoTar, CutOff, WrongDiffID, FewDiffIDs, WeirdType, BigConfig,
	}
}

// hostile are the layers of each hostile kind.
func (b *Builder) hostile(kind Kind) func() ([]hostileLayer, error) {
	alone := func(make func() ([]byte, error)) func() ([]hostileLayer, error) {
		return func() ([]hostileLayer, error) {
			content, err := make()
			return []hostileLayer{{blob: content}}, err
		}
	}
	beside := func(write func(*archive)) func() ([]hostileLayer, error) {
		return func() ([]hostileLayer, error) { return b.besideAlpine(write) }
	}
	return map[Kind]func() ([]hostileLayer, error){
		GzipBomb:    alone(func() ([]byte, error) { return gzipZeros(10 << 30) }),
		ZstdBomb:    alone(func() ([]byte, error) { return zstdZeros(10 << 30) }),
		ZstdWindow:  alone(zstdWindow),
		LayerBombs:  layerBombs,
		Traversal:   beside(traversal),
		LinkCycles:  beside(linkCycles),
		ManyFiles:   beside(files(200_000)),
		Million:     beside(files(1_000_000)),
		TooMany:     beside(files(3_000_000)),
		DeepFolders: beside(deepFolders),
		LongName:    beside(longName),
		Names:       beside(names),
		Corrupt:     beside(corrupt),
		JarBomb:     beside(jarBomb),
		ManyJars:    beside(manyJars),
		NestedJars:  beside(nestedJars),
		ManyLayers:  b.manyLayers,
		NoTar:       alone(func() ([]byte, error) { return gzipped(bytes.Repeat([]byte("no archive "), 1<<10)), nil }),
		CutOff:      b.cutOff,
		WrongDiffID: b.wrongDiffID,
		FewDiffIDs:  b.fewDiffIDs,
		WeirdType:   b.weirdType,
		BigConfig:   func() ([]hostileLayer, error) { return b.besideAlpine(func(*archive) {}) },
	}[kind]
}

// hostileLayer is a layer as its bytes. What is zero is filled in by what is usual.
type hostileLayer struct {
	blob      []byte
	mediaType types.MediaType
	diffID    v1.Hash // of bombs it is wrong: nobody gets so far
	unlisted  bool    // the config does not list it
	packages  []string
}

// hostileArtifact is an image of the layers, for linux/amd64.
func hostileArtifact(kind Kind, layers []hostileLayer) (*Artifact, error) {
	config := emptyConfig(linux("amd64"))
	manifest := v1.Manifest{MediaType: types.OCIManifestSchema1, Config: v1.Descriptor{MediaType: types.OCIConfigJSON}}
	image := Image{Platform: "linux/amd64", Packages: []string{}, on: linux("amd64")}
	var blobs []v1.Layer
	for _, l := range layers {
		if l.mediaType == "" {
			l.mediaType = types.OCILayer
		}
		if l.diffID == (v1.Hash{}) {
			l.diffID, _, _ = v1.SHA256(bytes.NewReader(nil))
		}
		if !l.unlisted {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.diffID)
		}
		blobs = append(blobs, static.NewLayer(l.blob, l.mediaType))
		image.Packages = append(image.Packages, l.packages...)
	}
	slices.Sort(image.Packages)
	if kind == BigConfig {
		config.Author = string(bytes.Repeat([]byte("x"), 20<<20))
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode config: %w", err)
	}
	if image.image, err = assemble(manifest, raw, blobs...); err != nil {
		return nil, err
	}
	if image.Digest, err = image.image.Digest(); err != nil {
		return nil, fmt.Errorf("hash manifest: %w", err)
	}
	return imageArtifact(image.image, image)
}
