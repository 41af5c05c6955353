package sbom

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/anchore/stereoscope/pkg/filetree"
	"github.com/anchore/stereoscope/pkg/image"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// contents are those of the layers of an image, which another child unpacks meanwhile.
type contents struct {
	layers []boundedLayer
	taken  *budget
	there  []chan struct{} // by layer; closed when it is to be looked for
}

func newContents(img bounded) (*contents, error) {
	layers, err := img.layers()
	if err != nil {
		return nil, err
	}
	c := &contents{layers: layers, taken: img.taken}
	for range layers {
		c.there = append(c.there, make(chan struct{}))
	}
	return c, nil
}

// follow reads what is unpacked, to the end. What is not by then, stereoscope will unpack.
func (c *contents) follow(in *json.Decoder) error {
	told := map[v1.Hash]bool{}
	for {
		var l unpackedLayer
		err := in.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read what is unpacked: %w", err)
		}
		if told[l.Layer] {
			continue
		}
		told[l.Layer] = true
		if err := c.have(l); err != nil {
			return refuseLayer(l.Layer, err)
		}
	}
	for i, there := range c.there {
		if !told[c.layers[i].digest] {
			close(there)
		}
	}
	return nil
}

// have counts a layer as often as the image has it, and compares it with what the config says.
func (c *contents) have(l unpackedLayer) error {
	for i, layer := range c.layers {
		if layer.digest != l.Layer {
			continue
		}
		if l.Content != layer.diffID {
			return otherContent(l.Content.String(), layer.diffID)
		}
		if err := cmp.Or(c.taken.add(l.Packed, l.Bytes), c.taken.addEntries(l.Entries)); err != nil {
			return err
		}
		close(c.there[i])
	}
	return nil
}

// withoutLayers is an image of which all but the layers is known.
type withoutLayers struct{ v1.Image }

// Layers implements [v1.Image].
func (withoutLayers) Layers() ([]v1.Layer, error) { return nil, nil }

// read reads the image while follow has more to say.
func (c *contents) read(ctx context.Context, in *json.Decoder, into *image.Image, dir string) error {
	if err := into.Read(ctx); err != nil {
		return err
	}
	whole := make(chan error, 1)
	go func() { whole <- c.readLayers(into, dir) }()
	followed := make(chan error, 1)
	go func() { followed <- c.follow(in) }()
	select {
	case err := <-whole:
		return err
	case err := <-followed:
		if err != nil {
			return err
		}
		return <-whole
	}
}

// readLayers does for the layers what [image.Image.Read] would, but for the trees of what each
// has together with those below it: packages are looked for in all layers together, and those
// trees are most of the memory where layers are many.
func (c *contents) readLayers(into *image.Image, dir string) error {
	files := image.NewFileCatalog()
	layers := make([]*image.Layer, len(c.layers))
	read := make([]chan error, len(c.layers))
	order := newTurns(runtime.GOMAXPROCS(0))
	for i, layer := range c.layers {
		layers[i], read[i] = image.NewLayer(layer), make(chan error, 1)
		go func() {
			<-c.there[i]
			defer order.take(layer.size)()
			read[i] <- layers[i].Read(files, i, dir)
		}()
	}
	tree, err := join(layers, read)
	if err != nil {
		return err
	}
	into.Layers, into.FileCatalog = layers, files
	into.SquashedSearchContext = filetree.NewSearchContext(tree, files.Index)
	if n := len(layers); n > 0 {
		layers[n-1].SquashedTree, layers[n-1].SquashedSearchContext = tree, into.SquashedSearchContext
	}
	for _, layer := range layers {
		into.Metadata.Size += layer.Metadata.Size
	}
	return nil
}

// join makes one tree of those of the layers, from the lowest on, each as soon as it is read.
// The error is the lowest layer's, whichever was the first.
func join(layers []*image.Layer, read []chan error) (all filetree.ReadWriter, err error) {
	all = filetree.New()
	for i, layer := range layers {
		if err := <-read[i]; err != nil {
			return nil, err
		}
		if i == 0 {
			all, err = lowest(layer.Tree)
		} else {
			err = all.Merge(layer.Tree)
		}
		if err != nil {
			return nil, fmt.Errorf("join layer %d: %w", i, err)
		}
		layer.Tree, layer.SearchContext = nil, nil
	}
	return all, nil
}

// lowest is the tree of the lowest layer, without marks of what it removes.
func lowest(layer filetree.Reader) (filetree.ReadWriter, error) {
	alone := filetree.NewUnionFileTree()
	alone.PushTree(layer.(filetree.ReadWriter)) //nolint:forcetypeassert // as the library does
	return alone.Squash()
}
