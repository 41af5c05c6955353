package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is one that the image contains.
type module struct{ path, version, dir string }

// text is a file about the license of a module, or of a part of it.
type text struct {
	module
	name    string // of the file, below the folder of the module
	content string
}

func (t text) title() string {
	title := strings.TrimSpace(t.path+" "+t.version) + ", " + t.name
	if id, ok := taken[t.path]; ok {
		title += ", taken under " + id
	}
	return title
}

// architectures are those of the action; one file serves all.
var architectures = []string{"amd64", "arm64"}

// named are the files about the license of code. Those that end with .docs are about
// documentation. NOTICE is what the Apache License asks for in its section 4.
var named = regexp.MustCompile(`(?i)^(licen[sc]e|copying|copyright|unlicense|notice|patents)`)

var unnamed = regexp.MustCompile(`\.(go|docs)$`)

// collect reads the texts of the action in root: its own, Go's, and those of the modules, by their
// path. A module that has none is an error.
func collect(ctx context.Context, root string) ([]text, error) {
	language, err := command(ctx, root, "", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	modules := map[module][]string{
		{path: " seal-image", dir: root}:                                           {"."}, // the first of all
		{path: " the Go standard library", version: language[1], dir: language[0]}: {"."},
	}
	for _, architecture := range architectures {
		if err := linked(ctx, root, architecture, modules); err != nil {
			return nil, err
		}
	}
	var all []text
	for _, m := range slices.SortedFunc(maps.Keys(modules), func(a, b module) int { return cmp.Compare(a.path, b.path) }) {
		texts, err := m.texts(modules[m])
		if err != nil {
			return nil, err
		}
		if len(texts) == 0 {
			return nil, fmt.Errorf("%s has no license", m.path)
		}
		all = append(all, texts...)
	}
	return all, nil
}

// linked adds the modules of the action, and of the certificates, and the folders of their
// packages and those above.
func linked(ctx context.Context, root, architecture string, modules map[module][]string) error {
	const format = "{{$dir := .Dir}}{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$dir}}{{end}}{{end}}"
	lines, err := command(ctx, root, architecture, "list", "-deps", "-f", format, ".", "./internal/roots")
	if err != nil {
		return err
	}
	for _, line := range lines {
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			continue // of the action itself, or of Go
		}
		m := module{path: f[0], version: f[1], dir: f[2]}
		folder, err := filepath.Rel(m.dir, f[3])
		if err != nil {
			return err
		}
		for ; folder != "."; folder = filepath.Dir(folder) {
			modules[m] = append(modules[m], folder)
		}
		modules[m] = append(modules[m], ".")
	}
	return nil
}

// texts are those in some folders of the module.
func (m module) texts(folders []string) ([]text, error) {
	slices.Sort(folders)
	var out []text
	for _, folder := range slices.Compact(folders) {
		entries, err := os.ReadDir(filepath.Join(m.dir, folder))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || !named.MatchString(e.Name()) || unnamed.MatchString(e.Name()) {
				continue
			}
			name := filepath.Join(folder, e.Name())
			content, err := os.ReadFile(filepath.Join(m.dir, name))
			if err != nil {
				return nil, err
			}
			out = append(out, text{m, name, strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n\t ")})
		}
	}
	return out, nil
}

// command runs go for Linux as the image is built, and returns the lines that it prints.
func command(ctx context.Context, root, architecture string, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly", "GOOS=linux", "GOARCH="+architecture)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, exit.Stderr)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), err
}
