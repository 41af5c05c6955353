package sbom

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// idle are children that catalog, and have no image yet. What takes one half a second of
// processor time is done when its image is there: to start, and to make the matcher of licenses.
type idle struct {
	mu   sync.Mutex
	all  []*process
	left int // images that are to be cataloged
}

// maxIdle bounds the children that wait: as many as there are at work.
const maxIdle = 2

// Warm implements [attest.Cataloger]. The children end by it, or by their work; ctx may end before.
func (c *Cataloger) Warm(ctx context.Context, dir string, n int) {
	c.idle.mu.Lock()
	defer c.idle.mu.Unlock()
	for len(c.idle.all) > n {
		last := len(c.idle.all) - 1
		c.idle.all[last].end()
		c.idle.all = c.idle.all[:last]
	}
	c.idle.left = n
	c.startIdle(ctx, dir)
}

// startIdle starts children for those images that are left. Without one there will be an error for
// the image that needs it.
func (c *Cataloger) startIdle(ctx context.Context, dir string) {
	if err := c.startAll(context.WithoutCancel(ctx), dir, min(maxIdle, c.idle.left)); err != nil {
		c.Log.DebugContext(ctx, "no child ready", slog.Any("error", err))
	}
}

// startAll starts children until there are n, in a layout that may not be there yet.
func (c *Cataloger) startAll(ctx context.Context, dir string, n int) error {
	if len(c.idle.all) >= n {
		return nil
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), share(dir)); err != nil {
		return err
	}
	for len(c.idle.all) < n {
		child, err := c.startCatalog(ctx, dir)
		if err != nil {
			return err
		}
		c.idle.all = append(c.idle.all, child)
	}
	return nil
}

// take returns a child that catalogs an image of the layout in dir.
func (c *Cataloger) take(ctx context.Context, dir string) (*process, error) {
	c.idle.mu.Lock()
	defer c.idle.mu.Unlock()
	c.idle.left--
	if len(c.idle.all) == 0 {
		return c.startCatalog(ctx, dir)
	}
	child := c.idle.all[0]
	c.idle.all = c.idle.all[1:]
	c.startIdle(ctx, dir)
	return child, nil
}

func (c *Cataloger) startCatalog(ctx context.Context, dir string) (*process, error) {
	tmp, err := c.prepare()
	if err != nil {
		_ = os.RemoveAll(tmp)
		return nil, err
	}
	// Opened before the child is there, which may put something else in its place.
	contents, err := os.OpenRoot(filepath.Join(tmp, layersFolder))
	if err != nil {
		_ = os.RemoveAll(tmp)
		return nil, err
	}
	child, err := c.start(ctx, "catalog", nobody, c.Limits, tmp, dir)
	if err != nil {
		_ = contents.Close()
		_ = os.RemoveAll(tmp)
		return nil, err
	}
	child.contents = contents
	return child, nil
}

// end ends a child that nobody needs.
func (p *process) end() {
	_ = killGroup(p.cmd)
	_ = p.cmd.Wait()
	p.forget()
}

// forget removes what a child leaves behind that catalogs.
func (p *process) forget() {
	_ = p.contents.Close()
	_ = os.RemoveAll(p.tmp)
}
