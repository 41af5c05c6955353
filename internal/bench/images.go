package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// images makes the images, each a layout below dir, and keeps them for the next time. After a
// change here remove the layouts.
type images struct {
	dir     string // of the layouts
	root    string // of the repository
	from    source // of the large image
	content string // what that means, a sentence
}

// An image is one in a layout.
type image struct {
	Name  string
	Top   v1.Descriptor
	Parts []v1.Descriptor // images of an index
	Bytes int64           // of all layers, each once, compressed
	dir   string

	content string // what it consists of, as of the time when it was made
}

// get is the image of that name, made by build if it is not there.
func (m *images) get(name string, build func(*layout) (v1.Descriptor, error)) (*image, error) {
	dir := filepath.Join(m.dir, name)
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		l, err := newLayout(dir)
		if err != nil {
			return nil, err
		}
		top, err := build(l)
		if err != nil {
			return nil, fmt.Errorf("make image %s: %w", name, err)
		}
		if err := l.finish(top, m.content); err != nil {
			return nil, err
		}
	}
	return open(name, dir)
}

// open reads the image of a layout.
func open(name, dir string) (*image, error) {
	i := &image{Name: name, dir: dir}
	var top v1.IndexManifest
	if err := readJSON(filepath.Join(dir, "index.json"), &top); err != nil {
		return nil, err
	}
	i.Top, i.content = top.Manifests[0], top.Annotations[contentAnnotation]
	if i.Top.MediaType.IsIndex() {
		var index v1.IndexManifest
		if err := readJSON(i.path(i.Top), &index); err != nil {
			return nil, err
		}
		i.Parts = index.Manifests
	}
	layers, err := i.layers()
	for _, layer := range layers {
		i.Bytes += layer.Size
	}
	return i, err
}

// layers are those of all images, each once.
func (i *image) layers() ([]v1.Descriptor, error) {
	var layers []v1.Descriptor
	for _, desc := range i.manifests() {
		var manifest v1.Manifest
		if err := readJSON(i.path(desc), &manifest); err != nil {
			return nil, err
		}
		for _, layer := range manifest.Layers {
			if !slices.ContainsFunc(layers, func(other v1.Descriptor) bool { return other.Digest == layer.Digest }) {
				layers = append(layers, layer)
			}
		}
	}
	return layers, nil
}

// compressed is the size of the layers and the config of one of the images.
func (i *image) compressed(n int) (int64, error) {
	var manifest v1.Manifest
	err := readJSON(i.path(i.manifests()[n]), &manifest)
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size, err
}

// manifests are those of the images, without an index.
func (i *image) manifests() []v1.Descriptor {
	if i.Parts == nil {
		return []v1.Descriptor{i.Top}
	}
	return i.Parts
}

func (i *image) path(desc v1.Descriptor) string {
	return filepath.Join(i.dir, "blobs", desc.Digest.Algorithm, desc.Digest.Hex)
}

func readJSON(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

// fetch makes what the images consist of below dir.
func (m *images) fetch(ctx context.Context, dir string) {
	var err error
	if m.from, err = fetchLarge(ctx, dir); err != nil {
		fmt.Println("What is made now is made up:", err)
		m.content = "The content of the images is made up, because mmdebstrap, npm or a network was missing."
		return
	}
	m.content = "The large image is a Debian system that mmdebstrap made, a node application with its `node_modules`, and data up to its size."
}
