package sbom

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	async "github.com/anchore/go-sync"
	"github.com/anchore/stereoscope/pkg/image"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// contents are those of the layers of an image, which another child unpacks meanwhile. It is
// the executor by which stereoscope looks for the layers: it is to find each when it is there.
type contents struct {
	layers  []v1.Descriptor
	diffIDs []v1.Hash // which the config says
	taken   *budget

	there   []chan struct{} // by layer; closed when it is to be looked for
	asked   int             // layers
	working sync.WaitGroup
	turns   chan struct{}
}

var _ async.Executor = (*contents)(nil)

func newContents(img bounded) (*contents, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	c := &contents{layers: manifest.Layers, diffIDs: config.RootFS.DiffIDs, taken: img.taken, turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
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
		if err := cmp.Or(c.taken.add(l.Packed, l.Bytes), c.taken.addEntries(l.Entries)); err != nil {
			return err
		}
		close(c.there[i])
	}
	return nil
}

// Go implements [async.Executor]: stereoscope asks for one layer after the other.
func (c *contents) Go(fetch func()) {
	there := c.there[c.asked]
	c.asked++
	c.working.Go(func() {
		<-there
		c.turns <- struct{}{}
		defer func() { <-c.turns }()
		fetch()
	})
}

// Wait implements [async.Executor].
func (c *contents) Wait(context.Context) { c.working.Wait() }

// read reads the image while follow has more to say.
func (c *contents) read(ctx context.Context, in *json.Decoder, img *image.Image) error {
	ctx = async.SetContextExecutor(ctx, image.LayerFetchExecutor, c)
	followed := make(chan error, 1)
	go func() { followed <- c.follow(in) }()
	whole := make(chan error, 1)
	go func() { whole <- img.Read(ctx) }()
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
