package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// write replaces the OCI layout in a folder, and prints what is in it.
func write(index v1.ImageIndex, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := to.AppendIndex(index); err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, m := range manifest.Manifests {
		if err := printSizes(index, m); err != nil {
			return err
		}
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s  %s\n", digest, dir)
	return nil
}

func printSizes(index v1.ImageIndex, m v1.Descriptor) error {
	img, err := index.Image(m.Digest)
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	var compressed, plain int64
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return err
		}
		content, err := layer.Uncompressed()
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return err
		}
		compressed, plain = compressed+size, plain+n
	}
	fmt.Printf("%s  %-12s %5.1f MB compressed, %5.1f MB\n", m.Digest, m.Platform, float64(compressed)/1e6, float64(plain)/1e6)
	return nil
}

// push pushes the one index of an OCI layout, with the logins of docker, and returns
// repository@digest.
func push(ctx context.Context, dir, reference string) (string, error) {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return "", err
	}
	index, err := read(dir)
	if err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	err = remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	return tag.Context().Name() + "@" + digest.String(), err
}

// read returns the only index of an OCI layout.
func read(dir string) (v1.ImageIndex, error) {
	from, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := from.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s holds %d manifests, want 1", dir, len(manifest.Manifests))
	}
	return from.ImageIndex(manifest.Manifests[0].Digest)
}
