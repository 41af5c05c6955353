package registry

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// memory is what go-containerregistry's blob handler in memory can do.
type memory interface {
	registry.BlobHandler
	registry.BlobStatHandler
	registry.BlobPutHandler
	registry.BlobDeleteHandler
}

// A store keeps in memory what is pushed. What it lacks may be in OCI layouts, which it only
// reads: images that are large need not be in memory too.
type store struct {
	memory
	layouts string // folder of layouts; empty: none
}

func newStore() *store { return &store{memory: registry.NewInMemoryBlobHandler().(memory)} }

func (s *store) Stat(ctx context.Context, repository string, digest v1.Hash) (int64, error) {
	size, err := s.memory.Stat(ctx, repository, digest)
	if err == nil {
		return size, nil
	}
	path, found := s.find(digest)
	if !found {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s *store) Get(ctx context.Context, repository string, digest v1.Hash) (io.ReadCloser, error) {
	content, err := s.memory.Get(ctx, repository, digest)
	if err == nil {
		return content, nil
	}
	path, found := s.find(digest)
	if !found {
		return nil, err
	}
	return os.Open(path)
}

// find is the file of a blob in one of the layouts.
func (s *store) find(digest v1.Hash) (string, bool) {
	if s.layouts == "" {
		return "", false
	}
	found, _ := filepath.Glob(filepath.Join(s.layouts, "*", "blobs", digest.Algorithm, digest.Hex)) // fails for a bad pattern alone
	if len(found) == 0 {
		return "", false
	}
	return found[0], true
}
