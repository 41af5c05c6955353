package sbom

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// unpacker is the user of the children that unpack, so that those that catalog cannot change
// what others read.
const unpacker = nobody + 1

// contentsFolder is the folder of the layout with the contents of layers.
const contentsFolder = "contents"

// layers are those that children have unpacked, or are about to.
type layers struct {
	mu  sync.Mutex
	all map[v1.Hash]*content
}

// content is what is in a layer.
type content struct {
	once     sync.Once
	known    chan struct{} // closed when the rest is set
	unpacked unpackedLayer
	err      error
}

// set says what is in the layer, or why that is not known. The first word counts.
func (c *content) set(unpacked unpackedLayer, err error) {
	c.once.Do(func() {
		c.unpacked, c.err = unpacked, err
		close(c.known)
	})
}

// claim returns the contents of layers, and those layers that nobody else unpacks.
func (l *layers) claim(wanted []v1.Hash) (all map[v1.Hash]*content, mine []v1.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[v1.Hash]*content{}
	}
	all = map[v1.Hash]*content{}
	for _, layer := range wanted {
		if l.all[layer] == nil {
			l.all[layer] = &content{known: make(chan struct{})}
			mine = append(mine, layer)
		}
		all[layer] = l.all[layer]
	}
	return all, mine
}

// discard removes what is unpacked of layers.
func (l *layers) discard(dir string, unused []v1.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, layer := range unused {
		delete(l.all, layer)
		_ = os.Remove(filepath.Join(dir, contentsFolder, layer.Hex)) // else it goes with the layout
	}
}

// unpack has the layers of an image unpacked as they arrive, each once for all images.
func (c *Cataloger) unpack(ctx context.Context, img *work) error {
	if len(img.mine) == 0 {
		return nil
	}
	err := c.unpackMine(ctx, img)
	for _, layer := range img.mine {
		img.contents[layer].set(unpackedLayer{}, err)
	}
	return err
}

// unpackMine has a child unpack the layers that nobody else does, and sets what is in them.
func (c *Cataloger) unpackMine(ctx context.Context, img *work) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tmp, err := makeContents(img.request.Layout)
	if err != nil {
		return err
	}
	child, err := c.start(ctx, "unpack", unpacker, tmp, img.request.Layout)
	if err != nil {
		return err
	}
	left := len(img.mine)
	announce := func(in io.WriteCloser) { c.announce(ctx, stop, img, in) }
	err = c.finish(ctx, stop, child, announce, func(out *bufio.Reader) error {
		return readUnpacked(out, func(l unpackedLayer) error {
			if !slices.Contains(img.mine, l.Layer) {
				return fmt.Errorf("the child has unpacked %s, which nobody asked for", l.Layer)
			}
			left--
			img.contents[l.Layer].set(l, nil)
			return nil
		})
	})
	if err == nil && left > 0 {
		err = fmt.Errorf("the child has not unpacked %d layers", left)
	}
	if err != nil {
		return c.explain(ctx, img.Image, err)
	}
	return nil
}

// makeContents makes the folder for contents, which the child may write to.
func makeContents(layout string) (dir string, err error) {
	dir = filepath.Join(layout, contentsFolder)
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make folder for layers: %w", err)
	}
	if os.Geteuid() != 0 {
		return dir, nil
	}
	if err := os.Chown(dir, unpacker, nobody); err != nil {
		return "", fmt.Errorf("give folder to the child: %w", err)
	}
	return dir, share(layout)
}

// feed writes a request, and for each layer a line when it is there. The time of the child
// begins when there is nothing more to wait for.
func (c *Cataloger) feed(ctx context.Context, stop context.CancelCauseFunc, in io.WriteCloser, req request, layers []v1.Hash, next func(context.Context, v1.Hash) (line any, err error)) {
	out := json.NewEncoder(in)
	if out.Encode(req) != nil {
		return // it has ended, and says why
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, layer := range layers {
		group.Go(func() error {
			line, err := next(ctx, layer)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			_ = out.Encode(line) // as above
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		stop(err) // and in stays open: it is not the end
		return
	}
	time.AfterFunc(c.Limits.Time, func() { stop(errTooSlow) })
	_ = in.Close()
}

// announce tells the child that unpacks of layers that have arrived.
func (c *Cataloger) announce(ctx context.Context, stop context.CancelCauseFunc, img *work, in io.WriteCloser) {
	c.feed(ctx, stop, in, img.request, img.mine, func(ctx context.Context, layer v1.Hash) (any, error) {
		if err := img.arrivals.Wait(ctx, layer); err != nil {
			return nil, err
		}
		return layer, shareFile(filepath.Join(img.request.Layout, "blobs", layer.Algorithm, layer.Hex))
	})
}

// tell tells the child that catalogs of layers that are unpacked, and links them to where
// stereoscope looks before it unpacks a layer itself.
func (c *Cataloger) tell(ctx context.Context, stop context.CancelCauseFunc, img *work, in io.WriteCloser) {
	c.feed(ctx, stop, in, img.request, slices.Collect(maps.Keys(img.contents)), func(ctx context.Context, layer v1.Hash) (any, error) {
		content := img.contents[layer]
		select {
		case <-content.known:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if content.err != nil {
			return nil, content.err
		}
		return content.unpacked, img.link(content.unpacked)
	})
}

// link links the content of a layer to its places in the image.
func (img *work) link(l unpackedLayer) error {
	for i, layer := range img.layers {
		if layer != l.Layer {
			continue
		}
		name := fmt.Sprintf("%d-%s-%s", i, l.Content.Algorithm, l.Content.Hex)
		err := os.Symlink(filepath.Join(img.request.Layout, contentsFolder, layer.Hex), filepath.Join(img.request.Contents, name))
		if err != nil {
			return fmt.Errorf("link layer: %w", err)
		}
	}
	return nil
}
