package sbom

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"seal-image/internal/attest"
)

var _ attest.Cataloger = (*Cataloger)(nil)

// nobody is the user and group of the child where we are root. It is the number that
// distroless images call "nonroot"; it needs no entry in /etc/passwd.
const nobody = 65532

// Cataloger makes documents, those about an image by a child. Its fields are set once,
// before use.
type Cataloger struct {
	Program string    // executable to start with the argument "unpack" or "catalog"; usually /proc/self/exe
	Name    string    // argument 0 of the child
	TempDir string    // folder for the child's TMPDIR; every parent folder is traversable by others
	Version string    // of seal-image, for the document
	Author  string    // who answers for the documents, "Organization: NAME" or "Person: NAME"; empty: not named
	Created time.Time // creation time of the documents
	Limits  Limits
	Options Options
	Log     *slog.Logger

	// Path is the absolute path of the user's document, for Load; "{platform}" in it
	// stands for e.g. "linux-arm-v7". It stays in Workspace, also when links are followed.
	Path, Workspace string

	warned sync.Once
	layers layers
	idle   idle
}

func (c *Cataloger) origin() origin {
	return origin{Version: c.Version, Author: c.Author, Created: c.Created}
}

// Catalog implements [attest.Cataloger].
func (c *Cataloger) Catalog(ctx context.Context, dir string, img attest.Image, arrivals *attest.Arrivals) (*attest.SBOM, error) {
	defer func() { c.layers.discard(arrivals.Release(img.Digest())) }()
	layers, err := arrivals.Of(ctx, img.Digest())
	if err != nil {
		return nil, err
	}
	if err := share(dir); err != nil {
		return nil, err
	}
	child, err := c.take(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer child.forget()
	of := &work{
		Image: img, layers: layers, arrivals: arrivals, child: child,
		request: request{
			origin: c.origin(), Layout: dir, Digest: img.Ref.DigestStr(), Repository: img.Ref.Context().Name(),
			Platform: img.Platform.String(), Options: c.Options, Contents: filepath.Join(child.tmp, layersFolder),
		},
	}
	of.contents, of.mine = c.layers.claim(layers)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go of.limit(ctx, stop, c.Limits.Time)
	doc := &attest.SBOM{Image: img}
	group, ctx := errgroup.WithContext(ctx) // a child that fails ends the other
	group.Go(func() error { return c.unpack(ctx, of) })
	group.Go(func() (err error) {
		doc.Packages, doc.Documents, err = c.list(ctx, of)
		return err
	})
	return doc, group.Wait()
}

// work is an image, and what its children are told of it.
type work struct {
	attest.Image
	request  request
	layers   []v1.Hash
	contents map[v1.Hash]*content // by layer
	mine     []v1.Hash            // layers that nobody else has unpacked, or is about to
	arrivals *attest.Arrivals
	child    *process // that catalogs
}

// limit stops what takes too long. Its time begins when there is no layer to wait for.
func (img *work) limit(ctx context.Context, stop context.CancelCauseFunc, limit time.Duration) {
	for _, layer := range img.layers {
		if img.arrivals.Wait(ctx, layer) != nil {
			return
		}
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-late.C:
		stop(errTooSlow)
	case <-ctx.Done():
	}
}

// list has a child make the documents.
func (c *Cataloger) list(ctx context.Context, img *work) (packages int, documents []attest.Document, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go c.Limits.watchUnpacked(ctx, img.child.tmp, img.request.Layout, stop)
	var answer [][]byte
	tell := func(ctx context.Context, in io.WriteCloser) { c.tell(ctx, stop, img, in) }
	err = c.finish(ctx, stop, img.child, tell, func(out *bufio.Reader) (err error) {
		packages, answer, err = readAnswer(out, len(c.Options.Formats))
		return err
	})
	if err == nil {
		documents, err = c.documents(answer)
	}
	if err != nil {
		return 0, nil, c.explain(ctx, img.Image, err)
	}
	return packages, documents, nil
}

// documents are those of the child's answer; what should be JSON and is not is an error.
func (c *Cataloger) documents(answer [][]byte) ([]attest.Document, error) {
	documents := make([]attest.Document, 0, len(answer))
	for i, format := range c.Options.Formats {
		if format != attest.SPDXTagValue && !json.Valid(answer[i]) {
			return nil, fmt.Errorf("the document %s is not JSON", format)
		}
		documents = append(documents, attest.Document{Format: format, Bytes: answer[i]})
	}
	return documents, nil
}

// prepare makes the child's TMPDIR.
func (c *Cataloger) prepare() (tmp string, err error) {
	tmp, err = os.MkdirTemp(c.TempDir, "catalog-")
	if err != nil {
		return "", fmt.Errorf("make TMPDIR: %w", err)
	}
	contents := filepath.Join(tmp, layersFolder)
	if err := os.Mkdir(contents, 0o700); err != nil {
		return tmp, fmt.Errorf("make TMPDIR: %w", err)
	}
	if os.Geteuid() != 0 {
		return tmp, nil
	}
	if err := errors.Join(os.Chown(contents, nobody, nobody), os.Chown(tmp, nobody, nobody)); err != nil {
		return tmp, fmt.Errorf("give TMPDIR to the child: %w", err)
	}
	return tmp, nil
}

// shareFile lets the child's group read a file that stays ours.
func shareFile(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return errors.Join(os.Chown(path, -1, nobody), os.Chmod(path, 0o640)) //nolint:gosec // see nobody
}

// share lets the child's group read a folder that stays ours.
func share(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open layout: %w", err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == contentsFolder { // see makeContents
			return fs.SkipDir
		}
		mode := fs.FileMode(0o640)
		if entry.IsDir() {
			mode = 0o750
		}
		err = errors.Join(root.Chown(path, -1, nobody), root.Chmod(path, mode))
		if errors.Is(err, fs.ErrNotExist) { // a download has its name now
			return nil
		}
		return err
	})
}
