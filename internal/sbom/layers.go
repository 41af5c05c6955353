package sbom

import (
	"bufio"
	"cmp"
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
	file     string // that has it
	err      error
}

// set says what is in the layer, or why that is not known. The first word counts.
func (c *content) set(unpacked unpackedLayer, file string, err error) {
	c.once.Do(func() {
		c.unpacked, c.file, c.err = unpacked, file, err
		close(c.known)
	})
}

// failed reports whether it is known that nobody has unpacked the layer.
func (c *content) failed() bool {
	select {
	case <-c.known:
		return c.err != nil
	default:
		return false
	}
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
		if before := l.all[layer]; before == nil || before.failed() {
			l.all[layer] = &content{known: make(chan struct{})}
			mine = append(mine, layer)
		}
		all[layer] = l.all[layer]
	}
	return all, mine
}

// discard removes what is unpacked of layers.
func (l *layers) discard(unused []v1.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, layer := range unused {
		if c := l.all[layer]; c != nil && c.file != "" {
			go os.Remove(c.file) // which takes its time; what stays goes with the layout
		}
		delete(l.all, layer)
	}
}

var errNotUnpacked = errors.New("the child has not unpacked a layer")

// unpack has the layers of an image unpacked as they arrive, each once for all images.
func (c *Cataloger) unpack(ctx context.Context, img *work) error {
	if len(img.mine) == 0 {
		return nil
	}
	err := c.unpackMine(ctx, img)
	for _, layer := range img.mine {
		img.contents[layer].set(unpackedLayer{}, "", cmp.Or(err, errNotUnpacked))
	}
	return err
}

// unpackMine has a child unpack the layers that nobody else does, and sets what is in them.
func (c *Cataloger) unpackMine(ctx context.Context, img *work) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tmp, err := makeContents(img.request.Layout)
	if err != nil {
		return c.explain(ctx, img.Image, err)
	}
	child, err := c.start(ctx, "unpack", unpacker, c.Limits.toUnpack(), tmp, img.request.Layout)
	if err != nil {
		return c.explain(ctx, img.Image, err)
	}
	left := maps.Clone(img.contents)
	maps.DeleteFunc(left, func(layer v1.Hash, _ *content) bool { return !slices.Contains(img.mine, layer) })
	announce := func(ctx context.Context, in io.WriteCloser) { c.announce(ctx, stop, img, in) }
	err = c.finish(ctx, stop, child, announce, func(out *bufio.Reader) error {
		return readUnpacked(out, func(l unpackedLayer) error {
			content := left[l.Layer]
			if content == nil {
				return fmt.Errorf("the child has unpacked %s, which nobody asked for", l.Layer)
			}
			delete(left, l.Layer)
			content.set(l, filepath.Join(tmp, l.Layer.Hex), nil)
			return nil
		})
	})
	if err == nil && len(left) > 0 {
		err = errNotUnpacked
	}
	if err != nil {
		return c.explain(ctx, img.Image, err)
	}
	return nil
}

// makeContents makes a folder for contents that the child may write to. No other child may, as
// far as the kernel holds them to their folders.
func makeContents(layout string) (dir string, err error) {
	all := filepath.Join(layout, contentsFolder)
	if err := os.Mkdir(all, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make folder for layers: %w", err)
	}
	dir, err = os.MkdirTemp(all, "unpack-")
	if err != nil {
		return "", fmt.Errorf("make folder for layers: %w", err)
	}
	if os.Geteuid() != 0 {
		return dir, nil
	}
	err = errors.Join(os.Chown(all, -1, nobody), os.Chown(dir, unpacker, nobody), os.Chmod(dir, 0o750)) //nolint:gosec // for the child that catalogs
	if err != nil {
		return "", fmt.Errorf("give folder to the child: %w", err)
	}
	return dir, nil
}

// feed writes a request, and for each layer a line when it is there.
func feed(ctx context.Context, stop context.CancelCauseFunc, in io.WriteCloser, req request, layers []v1.Hash, next func(context.Context, v1.Hash) (line any, err error)) {
	out := json.NewEncoder(in)
	if out.Encode(req) != nil {
		return // it has ended, and says why
	}
	var mu sync.Mutex
	group, waiting := errgroup.WithContext(ctx)
	for _, layer := range layers {
		group.Go(func() error {
			line, err := next(waiting, layer)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			_ = out.Encode(line) // as above
			return nil
		})
	}
	switch err := group.Wait(); {
	case err == nil:
		_ = in.Close()
	case ctx.Err() == nil: // else the child has ended, and says why
		stop(err) // and in stays open: it is not the end
	}
}

// announce tells the child that unpacks of layers that have arrived.
func (c *Cataloger) announce(ctx context.Context, stop context.CancelCauseFunc, img *work, in io.WriteCloser) {
	feed(ctx, stop, in, img.request, img.mine, func(ctx context.Context, layer v1.Hash) (any, error) {
		if err := img.arrivals.Wait(ctx, layer); err != nil {
			return nil, err
		}
		return layer, shareFile(filepath.Join(img.request.Layout, "blobs", layer.Algorithm, layer.Hex))
	})
}

// tell tells the child that catalogs of layers that are unpacked, and links them to where
// stereoscope looks before it unpacks a layer itself.
func (c *Cataloger) tell(ctx context.Context, stop context.CancelCauseFunc, img *work, in io.WriteCloser) {
	feed(ctx, stop, in, img.request, slices.Collect(maps.Keys(img.contents)), func(ctx context.Context, layer v1.Hash) (any, error) {
		content := img.contents[layer]
		select {
		case <-content.known:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if content.err != nil {
			return nil, content.err
		}
		return content.unpacked, img.link(content.unpacked, content.file)
	})
}

// link links the content of a layer to its places in the image.
func (img *work) link(l unpackedLayer, file string) error {
	for i, layer := range img.layers {
		if layer != l.Layer {
			continue
		}
		name := fmt.Sprintf("%d-%s-%s", i, l.Content.Algorithm, l.Content.Hex)
		if err := img.child.contents.Symlink(file, name); err != nil {
			return fmt.Errorf("link layer: %w", err)
		}
	}
	return nil
}
