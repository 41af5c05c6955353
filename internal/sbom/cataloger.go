package sbom

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"seal-image/internal/attest"
)

var _ attest.Cataloger = (*Cataloger)(nil)

// nobody is the user and group of the child where we are root. It is the number that
// distroless images call "nonroot"; it needs no entry in /etc/passwd.
const nobody = 65532

// Cataloger makes documents, those about an image by a child. Its fields are set once,
// before use.
type Cataloger struct {
	Program string    // executable to start with the argument "catalog"; usually /proc/self/exe
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
}

func (c *Cataloger) origin() origin {
	return origin{Version: c.Version, Author: c.Author, Created: c.Created}
}

// Catalog implements [attest.Cataloger].
func (c *Cataloger) Catalog(ctx context.Context, dir string, img attest.Image) (*attest.SBOM, error) {
	req, err := json.Marshal(request{
		origin: c.origin(), Layout: dir, Digest: img.Ref.DigestStr(), Repository: img.Ref.Context().Name(),
		Platform: img.Platform.String(), Options: c.Options,
	})
	if err != nil {
		return nil, err
	}
	tmp, err := c.prepare(dir)
	defer os.RemoveAll(tmp)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limits.Time, errTooSlow)
	defer cancel()
	packages, answer, err := c.run(ctx, stop, tmp, dir, req)
	if err != nil {
		return nil, c.explain(ctx, img, err)
	}
	documents, err := c.documents(answer)
	if err != nil {
		return nil, c.explain(ctx, img, err)
	}
	return &attest.SBOM{Image: img, Documents: documents, Packages: packages}, nil
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

// prepare makes the child's TMPDIR and lets its user read the layout.
func (c *Cataloger) prepare(dir string) (tmp string, err error) {
	tmp, err = os.MkdirTemp(c.TempDir, "catalog-")
	if err != nil {
		return "", fmt.Errorf("make TMPDIR: %w", err)
	}
	if os.Geteuid() != 0 {
		return tmp, nil
	}
	if err := os.Chown(tmp, nobody, nobody); err != nil {
		return tmp, fmt.Errorf("give TMPDIR to the child: %w", err)
	}
	return tmp, share(dir)
}

// share lets the child's group read a folder that stays ours.
func share(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open layout: %w", err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := root.Chown(path, -1, nobody); err != nil {
			return err
		}
		if entry.IsDir() {
			return root.Chmod(path, 0o750)
		}
		return root.Chmod(path, 0o640)
	})
}
