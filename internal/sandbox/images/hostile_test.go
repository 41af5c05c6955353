package images_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"seal-image/internal/sandbox/images"
)

// TestHostile finds every hostile kind small on disk: what harm it does, internal/hostile of the action tries. Those
// that take seconds to make are left to it.
func TestHostile(t *testing.T) {
	t.Parallel()
	slow := []images.Kind{images.ManyFiles, images.Million, images.TooMany, images.JarBomb, images.LayerBombs}
	for _, kind := range images.Hostile() {
		if slices.Contains(slow, kind) {
			continue
		}
		dir := t.TempDir()
		artifact, err := images.NewBuilder("../../../testdata/images").Build(t.Context(), kind)
		check(t, err)
		check(t, artifact.Write(dir))
		var bytes int64
		check(t, filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				bytes += info.Size()
			}
			return err
		}))
		if bytes > 25<<20 {
			t.Errorf("%s has %d bytes", kind, bytes)
		}
	}
}
