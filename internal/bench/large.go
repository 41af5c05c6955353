package main

import (
	"archive/tar"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// largeSize is the compressed size of the large image, in bytes.
const largeSize = 600_000_000

// aptPackages are what the base of the large image has besides the minimal system.
const aptPackages = "ca-certificates,curl,git,python3,python3-numpy,python3-pandas,python3-django,python3-requests,python3-yaml," +
	"python3-cryptography,postgresql-client,nginx,build-essential,imagemagick,ffmpeg,ghostscript,poppler-utils,graphviz," +
	"redis-tools,ruby,apache2,php-cli,subversion"

// packageJSON is the application of the large image.
//
//go:embed package.json
var packageJSON []byte

// A source is where the content of the large image comes from.
type source struct {
	archive string // of a Debian system; empty: made up
	app     string // folder of a node application
}

// fetchLarge makes what the large image consists of below dir, once. Without mmdebstrap, npm or a
// network it is the zero source, and the reason.
func fetchLarge(ctx context.Context, dir string) (source, error) {
	s := source{archive: filepath.Join(dir, "debian.tar"), app: filepath.Join(dir, "app")}
	if err := os.MkdirAll(s.app, 0o755); err != nil {
		return source{}, err
	}
	if err := os.WriteFile(filepath.Join(s.app, "package.json"), packageJSON, 0o644); err != nil {
		return source{}, err
	}
	if err := once(ctx, s.archive, "mmdebstrap", "--quiet", "--variant=minbase", "--include="+aptPackages, "bookworm", unfinished(s.archive)); err != nil {
		return source{}, err
	}
	modules := filepath.Join(s.app, "node_modules")
	if err := once(ctx, filepath.Join(modules, ".package-lock.json"), "npm", "install", "--prefix", s.app, "--ignore-scripts", "--silent"); err != nil {
		return source{}, err
	}
	return s, nil
}

// unfinished is the name of a file that is not complete.
func unfinished(file string) string {
	return filepath.Join(filepath.Dir(file), "unfinished-"+filepath.Base(file))
}

// once runs a command unless its result is there. What it left unfinished gets the name.
func once(ctx context.Context, result, program string, args ...string) error {
	if _, err := os.Stat(result); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", created.Unix()))
	if words, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, tail(words))
	}
	err := os.Rename(unfinished(result), result)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// large is an image as an application of some size has it: a Debian system, node modules, and
// data up to the size.
func large(l *layout, from source) (v1.Descriptor, error) {
	var layers []stored
	if from.archive != "" {
		system, err := split(l, from.archive, 6)
		if err != nil {
			return v1.Descriptor{}, err
		}
		app, err := l.layer(func(w *tar.Writer) error { return folder(w, from.app, "srv/app") })
		if err != nil {
			return v1.Descriptor{}, err
		}
		layers = append(layers, system...)
		layers = append(layers, app)
	} else {
		for _, fill := range []func(*tar.Writer) error{
			func(w *tar.Writer) error { return dpkg(w, 500) },
			func(w *tar.Writer) error { return nodeModules(w, 800) },
		} {
			layer, err := l.layer(fill)
			if err != nil {
				return v1.Descriptor{}, err
			}
			layers = append(layers, layer)
		}
	}
	size := int64(0)
	for _, layer := range layers {
		size += layer.desc.Size
	}
	for part := 0; size < largeSize; part++ {
		files := min(330, int((largeSize-size)/perFile)+1) // of about 100 MB at most
		layer, err := l.layer(func(w *tar.Writer) error { return data(w, fmt.Sprintf("srv/data/%d", part), files, uint64(part)) })
		if err != nil {
			return v1.Descriptor{}, err
		}
		layers = append(layers, layer)
		size += layer.desc.Size
	}
	return l.image(linux("amd64"), layers...)
}

func linux(arch string) v1.Platform { return v1.Platform{OS: "linux", Architecture: arch} }
