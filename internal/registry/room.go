package registry

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"golang.org/x/sys/unix"

	"seal-image/internal/problem"
)

// need is what a download takes.
type need struct {
	bytes, layers int64 // that are downloaded
	unpacked      int64 // bytes, at least, of the largest image beside that
}

// measure adds up what the layout lacks of the images, each layer once.
func measure(images []v1.Image, path layout.Path) (n need, err error) {
	counted := map[v1.Hash]bool{}
	for _, img := range images {
		m, err := img.Manifest()
		if err != nil {
			return need{}, fmt.Errorf("read manifest: %w", err)
		}
		whole := int64(0)
		for _, l := range m.Layers {
			whole = plus(whole, l.Size)
			if !counted[l.Digest] && !has(path, l.Digest, l.Size) {
				n.bytes, n.layers = plus(n.bytes, l.Size), n.layers+1
			}
			counted[l.Digest] = true
		}
		n.unpacked = max(n.unpacked, whole)
	}
	return n, nil
}

// plus adds sizes, which a manifest may have without end.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// has reports whether the layout has a blob, whole.
func has(path layout.Path, digest v1.Hash, size int64) bool {
	blob, err := os.Stat(filepath.Join(string(path), "blobs", digest.Algorithm, digest.Hex))
	return err == nil && blob.Size() == size
}

// fits refuses a download for which the disk has no room. What layers take unpacked is not
// known before; it is hardly ever less than what they take packed.
func (n need) fits(dir string) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("look for free space: %w", err)
	}
	free := float64(disk.Bavail) * float64(disk.Bsize)
	if wanted := float64(n.bytes) + float64(n.unpacked); wanted > free {
		return noRoom(fmt.Sprintf("Layers of %s are to be downloaded to %s, and those of the largest image unpacked beside them: %s are needed at least, and %s are free.",
			gib(float64(n.bytes)), dir, gib(wanted), gib(free)), nil)
	}
	return nil
}

func gib(bytes float64) string { return fmt.Sprintf("%.2f GiB", bytes/(1<<30)) }

func noRoom(why string, err error) error {
	return &problem.Problem{
		Code: problem.SBOMFailed,
		What: "The disk with the runner's temporary folder has no room for the image.",
		Why:  why,
		Fix:  "Free space in a step before, use a runner with a larger disk, seal fewer `platforms` in a step, attest a document of your own with `sbom-path`, or sign without SBOM with `sbom: false`.",
		Err:  err,
	}
}
