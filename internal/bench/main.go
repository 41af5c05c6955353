// Command bench measures the action against the pipeline that it replaces: syft's program, then
// `cosign sign --recursive`, then `cosign attest` for each platform; and against the floor, which
// is to fetch, expand and hash the same layers. All run in turn against the same servers on
// loopback. `make bench` runs it.
package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"seal-image/internal/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "floor" {
		return floor(ctx, args[1:])
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.pairs, "pairs", 5, "how often each is run")
	flags.BoolVar(&o.large, "large", false, "measure the images of 10 GiB and of 100,000 packages instead")
	flags.StringVar(&o.only, "only", "", "image to measure alone, without a page: small, large or shared")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{root: "."}
	return errors.Join(b.run(ctx, o), b.stop())
}

type options struct {
	pairs int
	large bool
	only  string
}

// run measures everything and writes the page.
func (b *bench) run(ctx context.Context, o options) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	r := &report{rounds: o.pairs}
	var err error
	if r.versions, err = b.versions(); err != nil {
		return err
	}
	if o.large {
		return b.runLarge(ctx, r)
	}
	if err := b.fillAll(ctx, r, o); err != nil {
		return err
	}
	if o.only != "" {
		r.writeTwice(os.Stdout)
		r.writePackages(os.Stdout)
		return nil
	}
	return b.finish(ctx, r)
}

// fillAll measures the images with and without latency.
func (b *bench) fillAll(ctx context.Context, r *report, o options) error {
	b.images.fetch(ctx, filepath.Join(b.tools.Dir, "bench"))
	names := []string{"small", "large", "shared"}
	if o.only != "" {
		names = []string{o.only}
	}
	for _, name := range names {
		i, err := b.images.named(ctx, name)
		if err != nil {
			return err
		}
		for _, delay := range []time.Duration{0, latency} {
			c := &cell{image: i, delay: delay}
			r.cells = append(r.cells, c)
			if err := b.take(ctx, c, b.turns(c), o.pairs); err != nil {
				return err
			}
			if err := c.compare(); err != nil {
				return err
			}
			r.writeCell(os.Stdout, c)
		}
	}
	return nil
}

// finish measures the rest, and writes the page.
func (b *bench) finish(ctx context.Context, r *report) (err error) {
	if r.curves, err = b.curves(ctx, max(1, r.rounds/3)); err != nil {
		return err
	}
	for range max(10, r.rounds) {
		took, err := b.firstRequest(ctx)
		if err != nil {
			return err
		}
		r.start = append(r.start, took.Seconds())
	}
	slices.Sort(r.start)
	action, err := open("action", filepath.Join(b.tools.Dir, "image"))
	if err != nil {
		return err
	}
	if r.imageSize, err = action.compressed(0); err != nil {
		return err
	}
	var page strings.Builder
	r.write(&page)
	fmt.Print(page.String())
	return replace(filepath.Join(b.root, "docs/performance.md"), "bench", page.String())
}

func (b *bench) stop() error {
	var err error
	if b.sandbox != nil {
		err = b.sandbox.Stop()
	}
	if b.dir != "" {
		err = errors.Join(err, os.RemoveAll(b.dir))
	}
	return err
}

// prepare builds everything, and starts the servers.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.tools, err = harness.Build(ctx, b.root, true); err != nil {
		return err
	}
	if b.action, err = harness.BuildAction(ctx, b.root); err != nil {
		return err
	}
	if b.syft, err = b.tools.BuildPeer(ctx, b.root, "syft", "github.com/anchore/syft/cmd/syft"); err != nil {
		return err
	}
	cosign2, err := b.tools.BuildPeer(ctx, b.root, "cosign26", "github.com/sigstore/cosign/v2/cmd/cosign")
	if err != nil {
		return err
	}
	b.cosigns = map[format]string{legacy: cosign2, bundle: b.tools.Cosign}
	b.images = &images{dir: filepath.Join(b.tools.Dir, "bench", "layouts"), root: b.root}
	if err := os.MkdirAll(b.images.dir, 0o755); err != nil {
		return err
	}
	// The child of the action is another user, and must get to its folder.
	if b.dir, err = os.MkdirTemp("", "seal-image-bench-"); err != nil {
		return err
	}
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if b.sandbox, err = harness.Start(ctx, b.tools.Sandbox, "-layouts", b.images.dir); err != nil {
		return err
	}
	b.job = b.sandbox.First
	return nil
}

// versions are those of the peers, as their programs have them.
func (b *bench) versions() (map[string]string, error) {
	versions := map[string]string{}
	for name, program := range map[string]string{"syft": b.syft, string(legacy): b.cosigns[legacy], string(bundle): b.cosigns[bundle]} {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, err
		}
		versions[name] = strings.TrimPrefix(info.Main.Version, "v")
	}
	return versions, nil
}
