package sbom

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// Unpack is the other side of [Cataloger] for the layers of an image: it reads a request from
// in, and then, digests of layers as they arrive in the layout. Each is expanded
// into a file of TMPDIR of that name, and then told to out with the digest of its content.
func Unpack(ctx context.Context, in io.Reader, out io.Writer) error {
	req, lines, err := readRequest(in)
	if err != nil {
		return err
	}
	img, err := find(req)
	if err != nil {
		return err
	}
	tell := json.NewEncoder(out)
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for layer := range each(ctx, lines) {
		group.Go(func() error {
			done, err := unpack(img, layer)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			return tell.Encode(done)
		})
	}
	return group.Wait()
}

// each returns the layers as they come, until ctx is done.
func each(ctx context.Context, lines *json.Decoder) iter.Seq[v1.Hash] {
	next := make(chan v1.Hash)
	go func() {
		defer close(next)
		for layer := (v1.Hash{}); lines.Decode(&layer) == nil; {
			select {
			case next <- layer:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func(yield func(v1.Hash) bool) {
		for {
			select {
			case layer, ok := <-next:
				if !ok || !yield(layer) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// unpack expands a layer of the image into a file of TMPDIR.
func unpack(img bounded, digest v1.Hash) (done unpackedLayer, err error) {
	layer, err := img.layer(digest)
	if err != nil {
		return done, err
	}
	from, err := layer.open()
	if err != nil {
		return done, err
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(os.TempDir(), from.digest.Hex), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return done, err
	}
	defer to.Close()
	if err := to.Chmod(0o640); err != nil { // for the child that catalogs, which has the same group
		return done, err
	}
	// Without the file's own ReadFrom, which takes small steps.
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, from, make([]byte, 1<<18)); err != nil {
		return done, err
	}
	return unpackedLayer{Layer: from.digest, Content: layer.diffID, Packed: from.in, Bytes: from.out, Entries: from.entries.count}, to.Close()
}

func (b bounded) layer(digest v1.Hash) (boundedLayer, error) {
	layers, err := b.Layers()
	if err != nil {
		return boundedLayer{}, err
	}
	for _, layer := range layers {
		if d, err := layer.Digest(); err == nil && d == digest {
			return layer.(boundedLayer), nil //nolint:forcetypeassert // see Layers
		}
	}
	return boundedLayer{}, fmt.Errorf("the image has no layer %s", digest)
}
