package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// images makes the images, each a layout below dir, and keeps them for the next time.
type images struct {
	dir  string // of the layouts
	root string // of the repository
	from source // of the large image
}

// An image is one in a layout.
type image struct {
	Name  string
	Top   v1.Descriptor
	Parts []v1.Descriptor // images of an index
	Bytes int64           // of all layers, each once, compressed
	dir   string
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
		if err := l.finish(top); err != nil {
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
	i.Top = top.Manifests[0]
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

// titles are how the page calls the images.
var titles = map[string]string{
	"small":  "Two platforms of 10 MB",
	"large":  "One platform of 600 MB",
	"shared": "Four platforms that share a layer",
}

// named is the image of that name.
func (m *images) named(ctx context.Context, name string) (*image, error) {
	switch name {
	case "small":
		return m.small(ctx)
	case "shared":
		return m.shared(name, 4)
	case "large":
		return m.get(name, func(l *layout) (v1.Descriptor, error) { return large(l, m.from) })
	default:
		return nil, fmt.Errorf("unknown image %q", name)
	}
}

// fetch makes what the images consist of below dir, and says what that is.
func (m *images) fetch(ctx context.Context, dir string) (is string) {
	from, err := fetchLarge(ctx, dir)
	if err != nil {
		fmt.Println("The images are made up:", err)
		return "All content of the images is made up, because mmdebstrap, npm or a network was missing."
	}
	m.from = from
	return "The large image is a Debian system that mmdebstrap made, a node application with its `node_modules`, and data up to its size."
}

var platforms = []v1.Platform{linux("amd64"), linux("arm64"), {OS: "linux", Architecture: "arm", Variant: "v7"}, linux("s390x"), linux("ppc64le"), linux("riscv64"), linux("386"), linux("mips64le")}

// small is an index of two platforms: a program in Go, and data up to 10 MB.
func (m *images) small(ctx context.Context) (*image, error) {
	return m.get("small", func(l *layout) (v1.Descriptor, error) {
		assets, err := l.layer(func(w *tar.Writer) error { return data(w, "srv/assets", 20, 1) })
		if err != nil {
			return v1.Descriptor{}, err
		}
		var parts []v1.Descriptor
		for _, on := range platforms[:2] {
			program, err := m.program(ctx, l, on.Architecture)
			if err != nil {
				return v1.Descriptor{}, err
			}
			part, err := l.image(on, assets, program)
			if err != nil {
				return v1.Descriptor{}, err
			}
			parts = append(parts, part)
		}
		return l.index(parts...)
	})
}

// program is a layer with a program of this repository.
func (m *images) program(ctx context.Context, l *layout, arch string) (stored, error) {
	dir, err := os.MkdirTemp(m.dir, "program-")
	if err != nil {
		return stored{}, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(dir, "release"), "./internal/release")
	cmd.Dir = m.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=linux", "GOARCH="+arch)
	if words, err := cmd.CombinedOutput(); err != nil {
		return stored{}, fmt.Errorf("build for %s: %w\n%s", arch, err, words)
	}
	return l.layer(func(w *tar.Writer) error { return folder(w, dir, "usr/local/bin") })
}

// shared is an index of platforms that each have a base of their own, and one application.
func (m *images) shared(name string, count int) (*image, error) {
	return m.get(name, func(l *layout) (v1.Descriptor, error) {
		app, err := l.layer(func(w *tar.Writer) error {
			if m.from.app == "" {
				return nodeModules(w, 800)
			}
			return folder(w, m.from.app, "srv/app")
		})
		if err != nil {
			return v1.Descriptor{}, err
		}
		var parts []v1.Descriptor
		for n, on := range platforms[:count] {
			base, err := l.layer(func(w *tar.Writer) error {
				if err := dpkg(w, 100); err != nil {
					return err
				}
				return data(w, "usr/lib", 100, uint64(n))
			})
			if err != nil {
				return v1.Descriptor{}, err
			}
			part, err := l.image(on, base, app)
			if err != nil {
				return v1.Descriptor{}, err
			}
			parts = append(parts, part)
		}
		return l.index(parts...)
	})
}

// layered is an image of that many layers with data, of files MiB together, and packages.
func (m *images) layered(name string, layers, files, packages int) (*image, error) {
	return m.get(name, func(l *layout) (v1.Descriptor, error) {
		base, err := l.layer(func(w *tar.Writer) error { return dpkg(w, packages) })
		if err != nil {
			return v1.Descriptor{}, err
		}
		all := []stored{base}
		for n := 1; n < layers; n++ {
			layer, err := l.layer(func(w *tar.Writer) error {
				return data(w, fmt.Sprintf("srv/data/%d", n), files/(layers-1), uint64(n))
			})
			if err != nil {
				return v1.Descriptor{}, err
			}
			all = append(all, layer)
		}
		return l.image(platforms[0], all...)
	})
}
