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
	"golang.org/x/sync/errgroup"
)

// contents are those of the layers of an image, which another child unpacks meanwhile.
type contents struct {
	img     bounded
	layers  []v1.Descriptor
	diffIDs []v1.Hash       // which the config says
	there   []chan struct{} // by layer; closed when it is to be looked for
}

func newContents(img bounded) (*contents, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	c := &contents{img: img, layers: manifest.Layers, diffIDs: config.RootFS.DiffIDs}
	for range c.layers {
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
		if !told[c.layers[i].Digest] {
			close(there)
		}
	}
	return nil
}

// have counts a layer as often as the image has it, and compares it with what the config says.
func (c *contents) have(l unpackedLayer) error {
	for i, d := range c.layers {
		if d.Digest != l.Layer {
			continue
		}
		if says := c.diffIDs[i]; l.Content != says {
			return otherContent(l.Content.String(), says)
		}
		if err := cmp.Or(c.img.taken.add(l.Packed, l.Bytes), c.img.taken.addEntries(l.Entries)); err != nil {
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
	layers, err := c.img.Layers()
	if err != nil {
		return err
	}
	if err := into.Read(ctx); err != nil {
		return err
	}
	whole := make(chan error, 1)
	go func() { whole <- c.readLayers(layers, into, dir) }()
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
func (c *contents) readLayers(layers []v1.Layer, into *image.Image, dir string) error {
	files := image.NewFileCatalog()
	read := make([]*image.Layer, len(layers))
	failed := make([]error, len(layers))
	group := errgroup.Group{}
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range layers {
		read[i] = image.NewLayer(layers[i])
		group.Go(func() error {
			<-c.there[i]
			turns <- struct{}{}
			defer func() { <-turns }()
			failed[i] = read[i].Read(files, i, dir)
			return nil
		})
	}
	_ = group.Wait()
	if err := cmp.Or(failed...); err != nil { // the lowest layer's, whichever was the first
		return err
	}
	return join(into, read, files)
}

// join makes the image of its layers.
func join(into *image.Image, layers []*image.Layer, files *image.FileCatalog) error {
	union := filetree.NewUnionFileTree()
	for _, layer := range layers {
		into.Metadata.Size += layer.Metadata.Size
		union.PushTree(layer.Tree.(filetree.ReadWriter)) //nolint:forcetypeassert // as the library does
		layer.Tree, layer.SearchContext = nil, nil
	}
	tree, err := union.Squash()
	if err != nil {
		return err
	}
	into.Layers, into.FileCatalog = layers, files
	into.SquashedSearchContext = filetree.NewSearchContext(tree, files.Index)
	if n := len(layers); n > 0 {
		layers[n-1].SquashedTree, layers[n-1].SquashedSearchContext = tree, into.SquashedSearchContext
	}
	return nil
}
