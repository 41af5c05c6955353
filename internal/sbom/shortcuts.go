package sbom

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
)

// shortcuts is an image of which two questions that catalogers ask are answered as syft does,
// and with less work.
type shortcuts struct{ source.Source }

// FileResolver implements [source.Source].
func (s shortcuts) FileResolver(scope source.Scope) (file.Resolver, error) {
	files, err := s.Source.FileResolver(scope)
	return &resolver{Resolver: files, folders: map[string][]string{}}, err
}

type resolver struct {
	file.Resolver

	mu      sync.Mutex
	folders map[string][]string // of a folder, the paths that are in it
}

// FilesByGlob implements [file.PathResolver]. Debian's cataloger asks for "FOLDER/PACKAGE.*" for
// each package, and each time syft compares the pattern with every name in the image.
func (r *resolver) FilesByGlob(patterns ...string) ([]file.Location, error) {
	if len(patterns) == 1 {
		if start, ok := strings.CutSuffix(patterns[0], "*"); ok && path.IsAbs(start) && strings.HasSuffix(start, ".") && !strings.ContainsAny(start, `*?[]{}\`) {
			if folder := r.in(path.Dir(start)); len(folder) > 0 {
				return r.FilesByPath(slices.DeleteFunc(slices.Clone(folder), func(p string) bool { return !strings.HasPrefix(p, start) })...)
			}
		}
	}
	return r.Resolver.FilesByGlob(patterns...)
}

// in returns the paths in a folder, in order; none if it is no folder, but perhaps a link to one.
func (r *resolver) in(folder string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, known := r.folders[folder]
	if !known {
		for l := range r.AllLocations(context.Background()) { //nolint:forbidigo // there is none to hand on, and it ends by itself
			if path.Dir(l.RealPath) == folder {
				found = append(found, l.RealPath)
			}
		}
		slices.Sort(found)
		r.folders[folder] = found
	}
	return found
}

// bundles are the types by which .NET's cataloger, and no other, asks for programs. It reads
// each of them into memory to look for the mark of a bundle.
var bundles = []string{"application/x-executable", "application/x-sharedlib"}

// bundleMark is the end of what is in each program that may be a bundle of .NET. Its first three
// bytes are left out: two of them are the most frequent in programs, so that the search stops everywhere.
// Source: https://github.com/dotnet/runtime/blob/main/src/native/corehost/bundle_marker.cpp
var bundleMark = []byte("\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae")

// FilesByMIMEType implements [file.PathResolver]. Of programs that are asked for as bundles of
// .NET it leaves out those that have no mark, which the cataloger would.
func (r *resolver) FilesByMIMEType(types ...string) ([]file.Location, error) {
	found, err := r.Resolver.FilesByMIMEType(types...)
	if err != nil || !slices.Equal(types, bundles) {
		return found, err
	}
	buffer := make([]byte, 1<<18)
	return slices.DeleteFunc(found, func(l file.Location) bool { return !r.mayBeBundle(l, buffer) }), nil
}

// mayBeBundle reports whether a file has the mark, or cannot be read to its end.
func (r *resolver) mayBeBundle(l file.Location, buffer []byte) bool {
	content, err := r.FileContentsByLocation(l)
	if err != nil {
		return true
	}
	defer content.Close()
	for kept := 0; ; {
		n, err := io.ReadFull(content, buffer[kept:])
		if bytes.Contains(buffer[:kept+n], bundleMark) {
			return true
		}
		if err != nil {
			return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
		}
		kept = copy(buffer, buffer[len(buffer)-len(bundleMark)+1:])
	}
}
