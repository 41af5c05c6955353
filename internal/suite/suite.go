// Package suite has what the tests share that run the action as a process: the scripts of
// the module's root, the matrix and the load. It is no part of the action.
package suite

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/harness"
)

// Must wraps a call that cannot fail in a test that is right.
func Must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// OpenDir is a temporary folder that the child of the action, another user, can pass
// through; t.TempDir is not.
func OpenDir(tb testing.TB) string {
	tb.Helper()
	dir := Must(os.MkdirTemp("", "seal-image-"))(tb) //nolint:usetesting // see above
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("clean up: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user is the point
		tb.Fatal(err)
	}
	return dir
}

// Start starts the sandbox, with more arguments of its serve, and stops it at the end of the test.
func Start(tb testing.TB, tools *harness.Tools, args ...string) *harness.Sandbox {
	tb.Helper()
	sandbox := Must(harness.Start(context.WithoutCancel(tb.Context()), tools.Sandbox, args...))(tb) // it is stopped, not killed
	tb.Cleanup(func() {
		if err := sandbox.Stop(); err != nil {
			tb.Errorf("stop sandbox: %v", err)
		}
	})
	return sandbox
}

// OnlyLayer is the content of the one layer of a manifest, as it is stored.
func OnlyLayer(tb testing.TB, ref name.Digest, options ...remote.Option) []byte {
	tb.Helper()
	image := Must(remote.Image(ref, append(options, remote.WithContext(tb.Context()))...))(tb)
	layers := Must(image.Layers())(tb)
	if len(layers) != 1 {
		tb.Fatalf("%s has %d layers, want one", ref, len(layers))
	}
	content := Must(layers[0].Compressed())(tb)
	defer content.Close()
	return Must(io.ReadAll(content))(tb)
}
