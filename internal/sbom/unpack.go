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
	"slices"
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
	layers, err := img.layers()
	if err != nil {
		return err
	}
	byDigest := map[v1.Hash]boundedLayer{}
	for _, layer := range layers {
		byDigest[layer.digest] = layer
	}
	order := newTurns(runtime.GOMAXPROCS(0))
	for digest := range each(ctx, lines) {
		group.Go(func() error {
			layer, known := byDigest[digest]
			if !known {
				return fmt.Errorf("the image has no layer %s", digest)
			}
			defer order.take(layer.size)()
			if ctx.Err() != nil {
				return nil // another has failed
			}
			done, err := unpack(layer)
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

// turns are taken by a few at once, and first by the largest of those that wait: a large layer
// that is the last leaves other processors without work.
type turns struct {
	mu      sync.Mutex
	changed *sync.Cond
	free    int
	waiting []int64 // sizes, the largest last
}

func newTurns(free int) *turns {
	t := &turns{free: free}
	t.changed = sync.NewCond(&t.mu)
	return t
}

// take returns when it is the turn of what has that size.
func (t *turns) take(size int64) (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, _ := slices.BinarySearch(t.waiting, size)
	t.waiting = slices.Insert(t.waiting, at, size)
	for t.free == 0 || size < t.waiting[len(t.waiting)-1] {
		t.changed.Wait()
	}
	t.waiting = t.waiting[:len(t.waiting)-1]
	t.free--
	t.changed.Broadcast()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.free++
		t.changed.Broadcast()
	}
}

// unpack expands a layer into a file of TMPDIR.
func unpack(layer boundedLayer) (done unpackedLayer, err error) {
	from, err := layer.open()
	if err != nil {
		return done, err
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(os.TempDir(), layer.digest.Hex), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
	return unpackedLayer{Layer: layer.digest, Content: layer.diffID, Packed: from.in, Bytes: from.out, Entries: from.entries.count}, to.Close()
}
