package sbom_test

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/file"
	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/sbom"
)

// paths of what was found, in the order in which it was.
func paths(found []file.Location, err error) (out []string) {
	if err != nil {
		return []string{err.Error()}
	}
	for _, l := range found {
		out = append(out, l.AccessPath+" is "+l.RealPath)
	}
	return out
}

// What is found with less work is what syft finds, also below links.
func TestShortcutsOfGlobs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const info = "var/lib/dpkg/info/"
	blob := tarOfHeaders(t, []tar.Header{
		{Name: info + "base-files.list"},
		{Name: info + "base-files.md5sums"},
		{Name: info + "base-files-other.list"},
		{Name: info + "folder.d", Typeflag: tar.TypeDir},
		{Name: info + "linked.list", Typeflag: tar.TypeSymlink, Linkname: "base-files.list"},
		{Name: info + "dead.list", Typeflag: tar.TypeSymlink, Linkname: "nowhere"},
		{Name: "alias", Typeflag: tar.TypeSymlink, Linkname: "var/lib/dpkg/info"},
	})
	image, _ := oddLayout(t, dir, 1, 0, odd{blob: blob, content: blob})
	syfts, ours, done, err := sbom.Resolvers(t.Context(), request(dir, image, attest.SPDXJSON).encode(t))
	defer done()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{
		"/var/lib/dpkg/info/base-files.*", "/var/lib/dpkg/info/linked.*", "/var/lib/dpkg/info/dead.*", "/var/lib/dpkg/info/folder.*",
		"/var/lib/dpkg/info/none.*", "/alias/base-files.*", "/nowhere/base-files.*", "var/lib/dpkg/info/base-files.*",
		"/var/lib/dpkg/info/base-files*", "/var/lib/dpkg/*/base-files.*", "**/base-files.*", "/var/lib/dpkg/info/*.*",
	} {
		if diff := cmp.Diff(paths(syfts.FilesByGlob(pattern)), paths(ours.FilesByGlob(pattern))); diff != "" {
			t.Errorf("%s (-syft's +ours):\n%s", pattern, diff)
		}
	}
	if got := paths(ours.FilesByGlob("/var/lib/dpkg/info/base-files.*")); len(got) != 2 {
		t.Errorf("found %q", got)
	}
}

// Of programs, .NET's cataloger is shown those that have its mark.
func TestShortcutsOfBundles(t *testing.T) {
	t.Parallel()
	dir, programs := t.TempDir(), t.TempDir()
	self := must(os.ReadFile("/proc/self/exe"))[:1<<20]
	mark := must(hex.DecodeString("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae"))
	writeFile(t, filepath.Join(programs, "plain"), self)
	// across the end of what is read at once, and at the very end
	writeFile(t, filepath.Join(programs, "bundle"), bytes.Join([][]byte{self[:1<<18-16], mark, self}, nil))
	writeFile(t, filepath.Join(programs, "end"), slices.Concat(self, mark))
	syfts, ours, done, err := sbom.Resolvers(t.Context(), request(dir, layoutOf(t, dir, programs), attest.SPDXJSON).encode(t))
	defer done()
	if err != nil {
		t.Fatal(err)
	}
	both := []string{"application/x-executable", "application/x-sharedlib"}
	if got := paths(syfts.FilesByMIMEType(both...)); len(got) != 3 {
		t.Errorf("syft finds %q", got)
	}
	if diff := cmp.Diff([]string{"/bundle is /bundle", "/end is /end"}, paths(ours.FilesByMIMEType(both...))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := paths(ours.FilesByMIMEType(both[0])); len(got) != 3 {
		t.Errorf("another cataloger finds %q", got)
	}
}

// No other cataloger of syft asks for programs by these types: it would not see them all.
func TestOnlyDotNetAsks(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/syft").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	var asks []string
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(`ByMIMEType("application/x-executable"`)) {
			asks = append(asks, strings.TrimPrefix(filepath.Dir(path), root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/syft/pkg/cataloger/dotnet"}, asks); diff != "" {
		t.Errorf("who does (-want +got):\n%s", diff)
	}
}
