package sbom

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/anchore/stereoscope/pkg/image"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What an image may be. Each is well beyond what images are, and within what a child can take.
const (
	maxLayers  = 1000
	maxConfig  = 8 << 20   // bytes of the config
	maxLayer   = 32 << 30  // bytes of a layer, expanded
	maxImage   = 64 << 30  // bytes of all layers, expanded
	maxRatio   = 200       // times that a layer may expand, and all together
	ratioFrom  = 100 << 20 // bytes of a layer from where on that counts
	ratioOfAll = 1 << 30   // bytes of all layers from where on that counts
	maxEntries = 2_000_000 // files, folders and links of all layers
	maxPath    = 4096      // bytes, as Linux has it
	maxDepth   = 512       // folders in folders
)

// refused begins what the child says of an image that it does not read; the parent looks for it.
const refused = "image refused: "

// refusal is why an image is not read: a sentence for the user.
type refusal string

func (r refusal) Error() string { return refused + string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// bounded is an image that is read within the limits above. Nothing that a manifest or a
// config says is believed but the digests, which the download has checked.
type bounded struct {
	v1.Image
	taken *budget
}

// budget is what all layers together have taken; they are read side by side.
type budget struct{ in, out, entries atomic.Int64 }

// add counts bytes of a blob and what they have expanded to.
func (b *budget) add(in, out int64) error {
	switch in, out := b.in.Add(in), b.out.Add(out); {
	case out > maxImage:
		return fmt.Errorf("with it, the layers expand to more than %d GiB", maxImage>>30)
	case out > ratioOfAll && out > maxRatio*in:
		return fmt.Errorf("with it, the layers expand to more than %d times their size", maxRatio)
	}
	return nil
}

func (b *budget) addEntries(n int64) error {
	if b.entries.Add(n) > maxEntries {
		return fmt.Errorf("with it, the layers have more than %d entries", maxEntries)
	}
	return nil
}

// buildKitLayers are media types that BuildKit made up.
var buildKitLayers = []types.MediaType{image.BuildKitZstdCompressedLayer, image.BuildKitZstdCompressedLayerAlt}

// within checks what can be known of img before its layers are read.
func within(img v1.Image) (bounded, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return bounded{}, fmt.Errorf("read manifest: %w", err)
	}
	switch {
	case len(manifest.Layers) > maxLayers:
		return bounded{}, refuse("The manifest lists %d layers; %d are read.", len(manifest.Layers), maxLayers)
	case manifest.Config.Size > maxConfig:
		return bounded{}, refuse("The config has %d bytes; %d are read.", manifest.Config.Size, maxConfig)
	}
	for _, l := range manifest.Layers {
		if !l.MediaType.IsLayer() && !slices.Contains(buildKitLayers, l.MediaType) {
			return bounded{}, refuse("The layer %s is of the media type %q, which cannot be read.", l.Digest, l.MediaType)
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return bounded{}, fmt.Errorf("read config: %w", err)
	}
	if n := len(config.RootFS.DiffIDs); n != len(manifest.Layers) {
		return bounded{}, refuse("The manifest lists %d layers, and the config %d.", len(manifest.Layers), n)
	}
	return bounded{Image: img, taken: &budget{}}, nil
}

// otherContent refuses a layer that is not what the config calls it. A container runtime takes one that
// it has by that name, and would run other files than those that are listed here.
func otherContent(got string, says v1.Hash) error {
	return fmt.Errorf("its content has the digest %s, and the config says %s", got, says)
}

// Layers implements [v1.Image].
func (b bounded) Layers() ([]v1.Layer, error) {
	layers, err := b.layers()
	out := make([]v1.Layer, len(layers))
	for i := range layers {
		out[i] = layers[i]
	}
	return out, err
}

// layers returns the layers, from the lowest on.
func (b bounded) layers() ([]boundedLayer, error) {
	layers, err := b.Image.Layers()
	if err != nil {
		return nil, err
	}
	manifest, err := b.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := b.ConfigFile()
	if err != nil {
		return nil, err
	}
	out := make([]boundedLayer, len(layers))
	for i := range layers {
		d := manifest.Layers[i]
		out[i] = boundedLayer{Layer: layers[i], digest: d.Digest, size: d.Size, diffID: config.RootFS.DiffIDs[i], taken: b.taken}
	}
	return out, nil
}

type boundedLayer struct {
	v1.Layer
	digest v1.Hash // of the blob
	size   int64   // bytes of the blob, as the manifest says
	diffID v1.Hash
	taken  *budget
}

// DiffID implements [v1.Layer]: what the config says, which Uncompressed compares.
func (l boundedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Uncompressed implements [v1.Layer]. Its reader fails with a [refusal] that names the layer.
func (l boundedLayer) Uncompressed() (io.ReadCloser, error) { return l.open() }

// open is Uncompressed, with what there is to know of the layer at its end.
func (l boundedLayer) open() (*meter, error) {
	blob, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	m := &meter{layer: l, blob: blob, entries: newEntries(l.taken)}
	if m.expanded, err = expand(readerFunc(m.readBlob)); err != nil {
		m.entries.stop()
		_ = blob.Close()
		return nil, m.refuse(err)
	}
	return m, nil
}

// meter reads a layer, and looks at all that it passes on.
type meter struct {
	layer    boundedLayer
	blob     io.ReadCloser
	expanded io.ReadCloser
	in, out  int64 // bytes of the blob, and what they have expanded to
	entries  *entries
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (m *meter) readBlob(p []byte) (int, error) {
	n, err := m.blob.Read(p)
	m.in += int64(n)
	m.layer.taken.in.Add(int64(n))
	return n, err
}

// Read implements [io.Reader].
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.expanded.Read(p)
	m.out += int64(n)
	if over := m.over(n); over != nil {
		return 0, m.refuse(over)
	}
	if _, failed := m.entries.Write(p[:n]); failed != nil {
		return 0, m.refuse(failed)
	}
	if err == io.EOF {
		if failed := m.end(); failed != nil {
			return 0, m.refuse(failed)
		}
		return n, io.EOF
	}
	if err != nil {
		return 0, m.refuse(err)
	}
	return n, nil
}

func (m *meter) over(n int) error {
	switch {
	case m.out > maxLayer:
		return fmt.Errorf("it expands to more than %d GiB", maxLayer>>30)
	case m.out > ratioFrom && m.out > maxRatio*m.in:
		return fmt.Errorf("it expands to more than %d times its size", maxRatio)
	}
	return m.layer.taken.add(0, int64(n))
}

// end compares a layer that was read with what the config says of it.
func (m *meter) end() error {
	if err := m.entries.end(); err != nil {
		return err
	}
	if got := hex.EncodeToString(m.entries.sum.Sum(nil)); m.layer.diffID.Algorithm != "sha256" || got != m.layer.diffID.Hex {
		return otherContent("sha256:"+got, m.layer.diffID)
	}
	return nil
}

func refuseLayer(digest v1.Hash, err error) error {
	return refuse("The layer %s cannot be read: %v.", digest, err)
}

func (m *meter) refuse(err error) error {
	return refuseLayer(m.layer.digest, err)
}

// Close implements [io.Closer].
func (m *meter) Close() error {
	m.entries.stop()
	_ = m.expanded.Close()
	return m.blob.Close()
}
