package sbom_test

import (
	"archive/tar"
	"bytes"
	"slices"
	"testing"

	stereo "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/sbom"
)

// TestJoin: the files of an image, and the layers that they are of, are those that the library
// finds by itself, also where layers remove what is below them.
func TestJoin(t *testing.T) {
	t.Parallel()
	const mark = ".wh."
	for name, layers := range map[string][][]tar.Header{
		"one layer":               {{{Name: "etc/a"}, {Name: "etc/" + mark + "b"}, {Name: "etc/c"}}},
		"a file again":            {{{Name: "etc/a"}, {Name: "etc/b"}}, {{Name: "etc/a"}}, {{Name: "srv/c"}}},
		"a file removed":          {{{Name: "etc/a"}, {Name: "etc/b"}}, {{Name: "etc/" + mark + "a"}}, {{Name: "etc/c"}}},
		"removed and there again": {{{Name: "etc/a"}}, {{Name: "etc/" + mark + "a"}}, {{Name: "etc/a"}}},
		"a folder removed":        {{{Name: "etc/a"}, {Name: "etc/d/b"}}, {{Name: mark + "etc"}}, {{Name: "etc/c"}}},
		"a folder hidden":         {{{Name: "etc/a"}, {Name: "etc/d/b"}}, {{Name: "etc/" + mark + mark + ".opq"}, {Name: "etc/c"}}, {{Name: "etc/d/e"}}},
		"removed below":           {{{Name: mark + "x"}, {Name: "etc/a"}}, {{Name: "x"}}},
		"a folder becomes a file": {{{Name: "etc/a"}, {Name: "etc/b"}}, {{Name: "etc"}}, {{Name: "srv/c"}}},
		"a file becomes a folder": {{{Name: "etc"}}, {{Name: "etc/a"}}, {{Name: "etc/b"}}},
		"a link becomes a folder": {
			{{Name: "srv/a"}, {Name: "etc", Typeflag: tar.TypeSymlink, Linkname: "srv"}}, {{Name: "etc/", Typeflag: tar.TypeDir}, {Name: "etc/b"}}, {{Name: "etc/c"}},
		},
		"a folder becomes a link": {{{Name: "etc/a"}, {Name: "srv/b"}}, {{Name: "etc", Typeflag: tar.TypeSymlink, Linkname: "srv"}}, {{Name: "srv/c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var all []odd
			for _, headers := range layers {
				blob := tarOfHeaders(t, headers)
				all = append(all, odd{blob: blob, content: blob})
			}
			digest, _ := oddLayout(t, dir, len(all), 0, all...)
			ours, _, done, err := sbom.Resolvers(t.Context(), request(dir, digest, attest.SPDXJSON).encode(t))
			defer done()
			if err != nil {
				t.Fatal(err)
			}
			img, err := layoutAt(t, dir).Image(digest)
			if err != nil {
				t.Fatal(err)
			}
			temporary := stereo.NewTempDirGenerator("join")
			defer func() { _ = temporary.Cleanup() }()
			read := image.New(img, temporary, t.TempDir())
			if err := read.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			librarys, err := stereoscopesource.New(read, stereoscopesource.ImageConfig{}).FileResolver(source.SquashedScope)
			if err != nil {
				t.Fatal(err)
			}
			want := everything(t, librarys)
			if len(want) == 0 {
				t.Error("the library finds nothing")
			}
			if diff := cmp.Diff(want, everything(t, ours)); diff != "" {
				t.Errorf("files (-library's +ours):\n%s", diff)
			}
		})
	}
}

// everything is all that a resolver has, with the layer that it is of.
func everything(t *testing.T, files file.Resolver) (out []string) {
	t.Helper()
	for l := range files.AllLocations(t.Context()) {
		out = append(out, l.RealPath+" of "+l.FileSystemID)
	}
	slices.Sort(out)
	return out
}

func tarOfHeaders(t *testing.T, headers []tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o755
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
