package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"seal-image/internal/attest"
)

// Download implements [attest.Downloader]: it writes an OCI image layout with the images
// as its top-level manifests. Every blob is checked against its digest; one that several
// images share is fetched once.
//
// Layout: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
func (c *Client) Download(ctx context.Context, images []attest.Image, dir string, arrivals *attest.Arrivals) error {
	path, err := layout.FromPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return fmt.Errorf("open layout: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx) // a layer that fails ends the others
	opened, err := c.openAll(ctx, images, path)
	if err != nil {
		return err
	}
	// All are listed before one is told of: who reads the list must find it whole.
	for i, img := range images {
		if err := list(path, opened[i]); err != nil {
			return c.explainCopy(err, img, path)
		}
	}
	missing, err := c.missing(ctx, images, opened, path, arrivals)
	if err != nil {
		return err
	}
	line := semaphore.NewWeighted(layersAtOnce)
	for _, layer := range missing {
		room := layer.room()
		if line.Acquire(ctx, room) != nil { // another layer failed, or the run was stopped
			group.Go(func() error { return context.Cause(ctx) })
			break
		}
		group.Go(func() error {
			defer line.Release(room)
			return c.copyTo(ctx, path, layer, arrivals)
		})
	}
	return group.Wait()
}

// Discard implements [attest.Downloader]: to remove what is large takes its time.
func (c *Client) Discard(dir string) { go os.RemoveAll(dir) }

// openAll reads manifests and configs, between which it looks whether there is room for the
// layers.
func (c *Client) openAll(ctx context.Context, images []attest.Image, path layout.Path) ([]v1.Image, error) {
	opened := make([]v1.Image, len(images))
	err := atOnce(len(images), func(i int) (err error) {
		opened[i], err = c.open(ctx, images[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	wanted, err := measure(opened, path)
	if err != nil {
		return nil, err
	}
	if err := wanted.fits(string(path)); err != nil {
		return nil, err
	}
	attest.Advance(ctx, attest.Downloaded, 0, wanted.bytes)
	attest.Advance(ctx, attest.Layers, 0, wanted.layers)
	return opened, atOnce(len(images), func(i int) error { return c.readConfig(ctx, images[i], opened[i]) })
}

// open reads the manifest of an image, unless it was read already.
func (c *Client) open(ctx context.Context, img attest.Image) (opened v1.Image, err error) {
	s, err := c.reader(ctx, img.Ref.Context())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	opened, known := s.images[img.Ref]
	s.mu.Unlock()
	if known {
		return opened, nil
	}
	err = present(ctx, lateWaits, func() (err error) {
		opened, err = remote.Image(img.Ref, s.remote(ctx)...)
		return err
	})
	if err != nil {
		return nil, c.explainImage(err, img.Ref)
	}
	return opened, plausible(opened, img.Ref)
}

// readConfig reads the config of an image, which the library keeps.
func (c *Client) readConfig(ctx context.Context, img attest.Image, opened v1.Image) error {
	err := again(ctx, func() error {
		_, err := opened.RawConfigFile()
		return err
	})
	if err != nil {
		return c.explainImage(fmt.Errorf("copy %s: %w", img.Platform, err), img.Ref)
	}
	return nil
}

// downloadTries is how often a config is asked for that breaks off on the way. Layers see to
// that themselves, but for those that lie elsewhere.
const downloadTries = 3

// again tries once more what breaks off.
func again(ctx context.Context, do func() error) (err error) {
	for range downloadTries {
		if err = do(); !brokenOff(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

const (
	// layersAtOnce bounds the layers that are under way together, also those that wait for another try.
	layersAtOnce = 9
	// largeLayer is a size, in bytes, from which it is the bytes of a layer that take time, and not its request.
	largeLayer = 16 << 20
	// largeAtOnce is how many of these are under way together, as with Docker's engine: more of them
	// are no sooner there, and the first later, which is read meanwhile.
	largeAtOnce = 3
)

// missingLayer is a layer that the layout lacks.
type missingLayer struct {
	v1.Layer
	size   int64        // bytes
	img    attest.Image // the first that has it
	opened v1.Image
}

// room is how much of layersAtOnce the layer takes.
func (l missingLayer) room() int64 {
	if l.size >= largeLayer {
		return layersAtOnce / largeAtOnce
	}
	return 1
}

// missing returns the layers that the layout does not have whole, each once, and tells which
// layers the images have. The largest is the first, since it is the longest to be read.
func (c *Client) missing(ctx context.Context, images []attest.Image, opened []v1.Image, path layout.Path, arrivals *attest.Arrivals) (out []missingLayer, err error) {
	asked := map[v1.Hash]bool{}
	for i, img := range images {
		s, err := c.reader(ctx, img.Ref.Context())
		if err != nil {
			return nil, err
		}
		layers, err := opened[i].Layers()
		if err != nil {
			return nil, c.explainImage(err, img.Ref)
		}
		manifest, err := opened[i].Manifest()
		if err != nil {
			return nil, err
		}
		if len(manifest.Layers) != len(layers) {
			return nil, fmt.Errorf("the manifest has %d layers, and not %d", len(manifest.Layers), len(layers))
		}
		digests := make([]v1.Hash, len(layers))
		for j, d := range manifest.Layers {
			digests[j] = d.Digest
			switch {
			case asked[d.Digest]:
			case has(path, d.Digest, d.Size):
				arrivals.Arrive(d.Digest)
			default:
				out = append(out, missingLayer{s.resume(ctx, layers[j], d), d.Size, img, opened[i]})
			}
			asked[d.Digest] = true
		}
		arrivals.Expect(img.Digest(), digests)
	}
	slices.SortStableFunc(out, func(a, b missingLayer) int { return cmp.Compare(b.size, a.size) })
	return out, nil
}

// list writes manifest and config of an image into the layout, and adds it to its index.
func list(path layout.Path, img v1.Image) error {
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	if _, err := index.Image(digest); err == nil {
		return nil
	}
	return path.AppendImage(withLayers{img, nil})
}

// copyTo copies a layer into the layout.
func (c *Client) copyTo(ctx context.Context, path layout.Path, l missingLayer, arrivals *attest.Arrivals) error {
	err := again(ctx, func() error { return path.WriteImage(withLayers{l.opened, []v1.Layer{l.Layer}}) })
	if err != nil {
		return c.explainCopy(err, l.img, path)
	}
	digest, err := l.Digest()
	arrivals.Arrive(digest)
	return err
}

func (c *Client) explainCopy(err error, img attest.Image, path layout.Path) error {
	if errors.Is(err, syscall.ENOSPC) {
		return noRoom("It became full while the layers were written to "+string(path)+".", err)
	}
	return c.explainImage(fmt.Errorf("copy %s: %w", img.Platform, err), img.Ref)
}

func brokenOff(err error) bool {
	if _, ok := errors.AsType[*brokenDownload](err); ok {
		return false
	}
	network, ok := errors.AsType[*net.OpError](err)
	return errors.Is(err, io.ErrUnexpectedEOF) || (ok && network.Op == "read")
}

// withLayers is an image of which only some layers are written: the library asks the
// registry for each, and only then sees that it has it.
type withLayers struct {
	v1.Image
	layers []v1.Layer
}

// Layers implements [v1.Image].
func (w withLayers) Layers() ([]v1.Layer, error) { return w.layers, nil }
