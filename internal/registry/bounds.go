package registry

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
)

// maxConfig bounds the config of an image, which is read whole; it names layers and their
// history, a few kilobytes.
const maxConfig = 8 << 20

// plausible refuses a manifest whose sizes would have us read without end: a negative one is
// no limit to the library.
func plausible(img v1.Image, ref name.Digest) error {
	m, err := img.Manifest()
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	if m.Config.Size < 0 || m.Config.Size > maxConfig {
		return unsupported(attest.Manifest{Ref: ref}, fmt.Sprintf("an image whose config has %d bytes, of which %d are read", m.Config.Size, maxConfig))
	}
	for _, l := range m.Layers {
		if l.Size < 0 {
			return unsupported(attest.Manifest{Ref: ref}, fmt.Sprintf("an image with a layer of %d bytes", l.Size))
		}
	}
	return nil
}
