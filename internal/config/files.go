package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// maxFileBytes bounds a file that an input names: a trusted root or a signing config.
const maxFileBytes = 4 << 20

// File is a file by its content, or a target of the TUF repository by its name. The zero
// File is an input that was left out.
type File struct {
	JSON   []byte
	Target string
}

var targetName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json$`)

// fileOrTarget reads the file that an input names. A bare name that is no file of the
// workspace is that of a target.
func (r *reader) fileOrTarget(input string) File {
	v := r.text(input)
	if targetName.MatchString(v) {
		if _, err := os.Stat(r.absolute(v)); missing(err) {
			return File{Target: v}
		}
	}
	return File{JSON: r.file(input)}
}

// file reads the file that an input names, relative to the workspace; nil if the input
// is empty.
func (r *reader) file(input string) []byte {
	v := r.text(input)
	if v == "" {
		return nil
	}
	path := r.absolute(v)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		r.wrong(input, "there is no file "+quote(v)+" in the workspace", input+": path/to/file.json   # relative to the workspace, checked out before this step")
		return nil
	case !info.Mode().IsRegular() || info.Size() > maxFileBytes || info.Size() == 0:
		r.wrong(input, quote(v)+" is not a file of 1 byte to 4 MiB", input+": path/to/file.json")
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.wrong(input, quote(v)+" cannot be read: "+err.Error(), input+": path/to/file.json")
	}
	return content
}

// folder reads a path that must lie below the workspace and makes it relative to it.
func (r *reader) folder(input string) string {
	v := r.text(input)
	path, ok := within(r.workspace, v)
	if !ok || path == "." {
		r.wrong(input, quote(v)+" is not a folder below the workspace", input+": "+r.defaults[input])
		return r.defaults[input]
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.wrong(input, quote(v)+" has characters that the outputs of a step cannot carry: only printable ASCII can be in it", input+": "+r.defaults[input])
	}
	return filepath.ToSlash(path)
}

// absolute makes a path of the workspace absolute.
func (r *reader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.workspace, path)
}

// within makes a path relative to root, and reports whether it lies there. It judges by
// the text alone: what follows links is [os.Root].
func within(root, path string) (rel string, ok bool) {
	rel = filepath.Clean(path)
	if filepath.IsAbs(rel) {
		var err error
		if rel, err = filepath.Rel(root, rel); err != nil {
			return "", false
		}
	}
	return rel, filepath.IsLocal(rel)
}

// missing reports whether an error says that there is no such file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
