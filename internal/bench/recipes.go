package main

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

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
