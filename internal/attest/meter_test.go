package attest_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/runner"
)

// slow is a world in which everything takes its time.
type slow struct{ *world }

func (s slow) Download(ctx context.Context, images []attest.Image, dir string, arrivals *attest.Arrivals) error {
	attest.Advance(ctx, attest.Downloaded, 0, 80<<20)
	attest.Advance(ctx, attest.Layers, 0, 4)
	for range 4 {
		time.Sleep(11 * time.Second) // no two things at the same moment
		attest.Advance(ctx, attest.Downloaded, 20<<20, 0)
		attest.Advance(ctx, attest.Layers, 1, 0)
	}
	return s.world.Download(ctx, images, dir, arrivals)
}

func (s slow) Catalog(ctx context.Context, _ string, img attest.Image, arrivals *attest.Arrivals) (*attest.SBOM, error) {
	if _, err := arrivals.Of(ctx, img.Digest()); err != nil {
		return nil, err
	}
	time.Sleep(13 * time.Second)
	return s.document(img), nil
}

func (s slow) Sign(ctx context.Context, statements []*attest.Statement) ([]*attest.Bundle, error) {
	for range len(statements) {
		time.Sleep(7 * time.Second)
		attest.Advance(ctx, attest.Logged, 1, 0)
	}
	return s.world.Sign(ctx, statements)
}

func (s slow) Attach(ctx context.Context, repo name.Repository, planned []*attest.Attachment) error {
	for range 16 {
		time.Sleep(1100 * time.Millisecond)
		attest.Advance(ctx, attest.Uploads, 1, 0)
	}
	return s.world.Attach(ctx, repo, planned)
}

// TestHeartbeat: the log of a job tells how far each long step is.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := slow{newWorld(in("ghcr.io/acme/app", index(image("a", "amd64"), image("b", "arm64"), image("c", "riscv64"))))}
		var log bytes.Buffer
		job := runner.New(func(string) string { return "" }, &log)
		p := &attest.Pipeline{
			Resolver: w, Downloader: w, Cataloger: w, Signer: w, Verifier: w, Attacher: w, Progress: job, Log: job.Log(), LayoutDir: "layout",
		}
		_, err := p.Run(t.Context(), attest.Request{
			Images: w.references(t), SBOM: true, Sign: attest.SignOptions{Recursive: true, Attest: true, Format: attest.Bundles},
		})
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.SplitAfter(log.String(), "\n"), func(line string) bool { return !strings.Contains(line, "so far") })
		golden.Compare(t, "heartbeat.txt", strings.Join(lines, ""))
	})
}
