package sbom_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"

	"seal-image/internal/sbom"
)

const debian = "../../testdata/images/debian"

// debianLayout writes a layout with one image, whose layer is a real dpkg database.
func debianLayout(t *testing.T, dir string) v1.Hash {
	t.Helper()
	content := tarOf(t, os.DirFS(debian))
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		t.Fatal(err)
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func tarOf(t *testing.T, files fs.FS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == "packages.txt" {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// catalog asks the child, in this process.
func catalog(t *testing.T, dir string, digest v1.Hash, created time.Time) (packages int, document []byte) {
	t.Helper()
	request := fmt.Sprintf(`{"layout":%q,"digest":%q,"repository":"registry.example.com/acme/app","platform":"linux/amd64","created":%q,"tool":"1.2.3"}`,
		dir, digest, created.Format(time.RFC3339))
	var out bytes.Buffer
	if err := sbom.Child(t.Context(), strings.NewReader(request), &out); err != nil {
		t.Fatal(err)
	}
	line, document, _ := bytes.Cut(out.Bytes(), []byte("\n"))
	var header struct{ Packages, Size int }
	if err := json.Unmarshal(line, &header); err != nil {
		t.Fatal(err)
	}
	if header.Size != len(document) {
		t.Errorf("the header says %d bytes, there are %d", header.Size, len(document))
	}
	return header.Packages, document
}

func TestChild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digest := debianLayout(t, dir)
	packages, document := catalog(t, dir, digest, created)

	doc, err := spdxjson.Read(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	want := strings.Fields(strings.ReplaceAll(readFile(t, filepath.Join(debian, "packages.txt")), " ", "@"))
	got := listed(doc)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages, against dpkg's list (-want +got):\n%s", diff)
	}
	if packages != len(want) {
		t.Errorf("%d packages are counted, want %d", packages, len(want))
	}
	if len(doc.Files) > 0 || bytes.Contains(document, []byte(`"files":`)) || bytes.Contains(document, []byte("SPDXRef-File-")) {
		t.Errorf("the document has files")
	}
	namesImage(t, doc, digest)
	if doc.SPDXVersion != "SPDX-2.3" || doc.CreationInfo.Created != "2026-09-01T12:30:00Z" {
		t.Errorf("version %s, created %s", doc.SPDXVersion, doc.CreationInfo.Created)
	}
	if creators := fmt.Sprint(doc.CreationInfo.Creators); !strings.Contains(creators, "seal-image-1.2.3") {
		t.Errorf("creators %s", creators)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// listed are the packages as packages.txt has them, the image itself left out.
func listed(doc *spdx.Document) []string {
	var out []string
	for _, p := range doc.Packages {
		for _, ref := range p.PackageExternalReferences {
			kind, _, _ := strings.Cut(strings.TrimPrefix(ref.Locator, "pkg:"), "/")
			if ref.RefType == "purl" && kind != "oci" {
				out = append(out, kind+"@"+p.PackageName+"@"+p.PackageVersion)
			}
		}
	}
	slices.Sort(out)
	return out
}

// namesImage checks that what the document describes is the image with this digest.
func namesImage(t *testing.T, doc *spdx.Document, digest v1.Hash) {
	t.Helper()
	described, err := spdxlib.GetDescribedPackageIDs(doc)
	if err != nil || len(described) != 1 {
		t.Fatalf("described are %v (%v), want the image alone", described, err)
	}
	for _, p := range doc.Packages {
		if p.PackageSPDXIdentifier != described[0] {
			continue
		}
		if len(p.PackageChecksums) != 1 || p.PackageChecksums[0].Value != digest.Hex || p.PackageVersion != digest.String() {
			t.Errorf("version %s, checksums %v, want %s", p.PackageVersion, p.PackageChecksums, digest)
		}
		if len(p.PackageExternalReferences) != 1 {
			t.Fatalf("references %v, want the package URL alone", p.PackageExternalReferences)
		}
		purl := p.PackageExternalReferences[0].Locator
		if !strings.HasPrefix(purl, "pkg:oci/") || !strings.Contains(purl, "@sha256%3A"+digest.Hex) {
			t.Errorf("package URL %s, want one with %s", purl, digest)
		}
	}
}

func TestChildIsDeterministic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digest := debianLayout(t, dir)
	_, first := catalog(t, dir, digest, created)
	_, again := catalog(t, dir, digest, created)
	if !bytes.Equal(first, again) {
		t.Errorf("the same request gives other bytes:\n%s", cmp.Diff(string(first), string(again)))
	}
	_, later := catalog(t, dir, digest, created.Add(time.Hour))
	a, b := fields(t, first), fields(t, later)
	for _, changes := range []string{"documentNamespace", "created"} {
		if a[changes] == b[changes] {
			t.Errorf("%s stays %v at another time", changes, a[changes])
		}
		delete(a, changes)
		delete(b, changes)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("another time changes more (-first +later):\n%s", diff)
	}
}

// fields are those of a document, with the creation time moved to the top.
func fields(t *testing.T, document []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(document, &out); err != nil {
		t.Fatal(err)
	}
	info := out["creationInfo"].(map[string]any)
	out["created"] = info["created"]
	delete(info, "created")
	return out
}

// Through the parent, and as another user where this is root, comes the same document.
func TestCatalogReally(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	dir := filepath.Join(work, "layout")
	digest := debianLayout(t, dir)
	_, want := catalog(t, dir, digest, created)
	got, err := cataloger(work).Catalog(t.Context(), dir, imageOf(t, "acme/app", digest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got.Document)); diff != "" {
		t.Errorf("document (-in process +child):\n%s", diff)
	}
	onlyLayoutLeft(t, work)
}

func TestChildRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digest := debianLayout(t, dir)
	damaged := t.TempDir()
	debianLayout(t, damaged)
	breakLargestBlob(t, damaged)
	for name, request := range map[string]string{
		"no request":    "",
		"no JSON":       "{",
		"no layout":     `{"layout":"/nowhere","digest":"` + digest.String() + `"}`,
		"no digest":     `{"layout":"` + dir + `","digest":"latest"}`,
		"other digest":  `{"layout":"` + dir + `","digest":"` + someDigest.String() + `"}`,
		"damaged layer": `{"layout":"` + damaged + `","digest":"` + digest.String() + `","repository":"registry.example.com/acme/app"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := sbom.Child(t.Context(), strings.NewReader(request), &out); err == nil || out.Len() > 0 {
				t.Errorf("error %v, %d bytes of answer; want an error alone", err, out.Len())
			}
		})
	}
}

// breakLargestBlob cuts the layer in the middle.
func breakLargestBlob(t *testing.T, dir string) {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	largest := slices.MaxFunc(blobs, func(a, b string) int { return len(readFile(t, a)) - len(readFile(t, b)) })
	if err := os.Truncate(largest, int64(len(readFile(t, largest)))/2); err != nil {
		t.Fatal(err)
	}
}
