package sbom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/tagvalue"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/sbom"
)

var everyFormat = []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON, attest.SyftJSON, attest.SPDXTagValue}

// Every format lists what the package managers say is installed.
func TestChild(t *testing.T) {
	t.Parallel()
	for name, folders := range map[string][]string{
		"debian": {debian},
		"alpine": {alpine},
		"fedora": {fedora, npm},
		"node":   {"testdata/node"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			packages, documents := request(dir, layoutOf(t, dir, folders...), everyFormat...).catalog(t)
			want := lines(t, folders...)
			if packages != len(want) {
				t.Errorf("%d packages are counted, want %d", packages, len(want))
			}
			for i, got := range [][]string{
				listedSPDX(readSPDX(t, documents[0])), listedCycloneDX(t, documents[1]),
				listedSyft(t, documents[2]), listedSPDX(readTagValue(t, documents[3])),
			} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("packages of %s, against the package manager's list (-want +got):\n%s", everyFormat[i], diff)
				}
				if content := documents[i]; bytes.Contains(content, []byte("SPDXRef-File-")) || bytes.Contains(content, []byte(`"type":"file"`)) {
					t.Errorf("the %s document has files", everyFormat[i])
				}
			}
		})
	}
}

// The documents of one image, as they are; the other tests look at single things.
func TestChildGolden(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, documents := request(dir, layoutOf(t, dir, alpine, "testdata/node"), everyFormat...).catalog(t)
	golden.Compare(t, "golden.spdx.json", indented(t, documents[0]))
	golden.Compare(t, "golden.cdx.json", indented(t, documents[1]))
	golden.Compare(t, "golden.spdx", documents[3])
}

func readSPDX(t *testing.T, document []byte) *spdx.Document {
	t.Helper()
	doc, err := spdxjson.Read(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func readTagValue(t *testing.T, document []byte) *spdx.Document {
	t.Helper()
	doc, err := tagvalue.Read(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// listedSPDX are the packages as packages.txt has them, the image and its system left out.
func listedSPDX(doc *spdx.Document) (out []string) {
	for _, p := range doc.Packages {
		for _, ref := range p.PackageExternalReferences {
			if kind := purlType(ref.Locator); ref.RefType == "purl" && kind != "oci" && kind != "generic" {
				out = append(out, kind+" "+p.PackageName+" "+p.PackageVersion)
			}
		}
	}
	slices.Sort(out)
	return out
}

func purlType(purl string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(purl, "pkg:"), "/")
	return kind
}

func listedCycloneDX(t *testing.T, document []byte) (out []string) {
	t.Helper()
	var bom struct {
		Components []struct{ Type, Name, Version, PURL string }
	}
	if err := json.Unmarshal(document, &bom); err != nil {
		t.Fatal(err)
	}
	for _, c := range bom.Components {
		if c.Type != "operating-system" {
			out = append(out, purlType(c.PURL)+" "+c.Name+" "+c.Version)
		}
	}
	slices.Sort(out)
	return out
}

func listedSyft(t *testing.T, document []byte) (out []string) {
	t.Helper()
	var doc struct {
		Artifacts []struct{ Name, Version, PURL string }
		Files     []any
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Files) > 0 {
		t.Errorf("syft's document has %d files", len(doc.Files))
	}
	for _, a := range doc.Artifacts {
		out = append(out, purlType(a.PURL)+" "+a.Name+" "+a.Version)
	}
	slices.Sort(out)
	return out
}

// The same request gives the same bytes in every format. Another time changes the time alone,
// and anything else the identity too.
func TestChildIsDeterministic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	req := request(dir, layoutOf(t, dir, debian, npm), everyFormat...)
	_, first := req.catalog(t)
	_, again := req.catalog(t)
	for i := range first {
		if !bytes.Equal(first[i], again[i]) {
			t.Errorf("the same request gives another %s document:\n%s", everyFormat[i], cmp.Diff(string(first[i]), string(again[i])))
		}
	}
	req.Created = req.Created.Add(time.Hour)
	_, later := req.catalog(t)
	for i := range first {
		want := strings.ReplaceAll(string(first[i]), "2026-09-01T12:30:00Z", "2026-09-01T13:30:00Z")
		if diff := cmp.Diff(want, string(later[i])); diff != "" {
			t.Errorf("another time changes more of %s (-want +got):\n%s", everyFormat[i], diff)
		}
	}
	seen := map[string]string{identity(t, first): "the first request"}
	for name, change := range map[string]func(*ask){
		"repository": func(a *ask) { a.Repository = "registry.example.com/acme/other" },
		"platform":   func(a *ask) { a.Platform = "linux/arm64" },
		"version":    func(a *ask) { a.Version = "1.2.4" },
		"author":     func(a *ask) { a.Author = "Person: Jo" },
		"files":      func(a *ask) { a.Options.Files = sbom.FilesOwned },
		"catalogers": func(a *ask) { a.Options.Catalogers = []string{"os"} },
		"exclude":    func(a *ask) { a.Options.Exclude = []string{"/srv"} },
	} {
		other := req
		change(&other)
		_, documents := other.catalog(t)
		id := identity(t, documents)
		if was := seen[id]; was != "" {
			t.Errorf("with another %s, namespace or serial number are those of %s", name, was)
		}
		seen[id] = name
	}
}

// identity is the namespace of the SPDX documents; that of CycloneDX differs with it.
func identity(t *testing.T, documents [][]byte) string {
	t.Helper()
	var bom struct{ SerialNumber string }
	if err := json.Unmarshal(documents[1], &bom); err != nil {
		t.Fatal(err)
	}
	namespace := readSPDX(t, documents[0]).DocumentNamespace
	if tv := readTagValue(t, documents[3]).DocumentNamespace; tv != namespace {
		t.Errorf("namespaces %s in JSON and %s in tag-value", namespace, tv)
	}
	if !strings.HasPrefix(bom.SerialNumber, "urn:uuid:") || strings.HasSuffix(namespace, strings.TrimPrefix(bom.SerialNumber, "urn:uuid:")) {
		t.Errorf("serial number %s, namespace %s", bom.SerialNumber, namespace)
	}
	return namespace
}

// Through the parent, confined and as another user where this is root, come the same documents.
func TestCatalogReally(t *testing.T) {
	t.Parallel()
	for name, folders := range map[string][]string{
		"debian": {debian},
		"alpine": {alpine},
		"fedora": {fedora, npm}, // SQLite
		"node":   {"testdata/node"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := workDir(t)
			dir := filepath.Join(work, "layout")
			digest := layoutOf(t, dir, folders...)
			// Syft's own JSON also has folders of caches that it finds by the variable HOME.
			formats := []attest.Format{attest.SPDXTagValue, attest.CycloneDXJSON, attest.SPDXJSON}
			packages, want := request(dir, digest, formats...).catalog(t)
			cat := cataloger(work)
			cat.Options.Formats = formats
			got, err := catalogs(t.Context(), cat, dir, imageOf(t, "acme/app", digest))
			if err != nil {
				t.Fatal(err)
			}
			if got.Packages != packages || len(got.Documents) != len(want) {
				t.Fatalf("%d packages, %d documents", got.Packages, len(got.Documents))
			}
			for i, doc := range got.Documents {
				if diff := cmp.Diff(string(want[i]), string(doc.Bytes)); diff != "" || doc.Format != formats[i] {
					t.Errorf("document %s (-in process +child):\n%s", doc.Format, diff)
				}
			}
			onlyLayoutLeft(t, work)
		})
	}
}

func TestChildRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digest := layoutOf(t, dir, debian)
	damaged := t.TempDir()
	layoutOf(t, damaged, debian)
	breakLargestBlob(t, damaged)
	good := request(dir, digest, attest.SPDXJSON)
	changed := func(change func(*ask)) string {
		a := good
		change(&a)
		return string(a.encode(t))
	}
	for name, request := range map[string]string{
		"no request":     "",
		"no JSON":        "{",
		"no layout":      changed(func(a *ask) { a.Layout = "/nowhere" }),
		"no digest":      changed(func(a *ask) { a.Digest = "latest" }),
		"other digest":   changed(func(a *ask) { a.Digest = someDigest.String() }),
		"damaged layer":  changed(func(a *ask) { a.Layout = damaged }),
		"unknown files":  changed(func(a *ask) { a.Options.Files = "some" }),
		"unknown format": changed(func(a *ask) { a.Options.Formats = []attest.Format{"table"} }),
		"no cataloger":   changed(func(a *ask) { a.Options.Catalogers = []string{"no-such-tag"} }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := sbom.ChildIn(withScanner(), strings.NewReader(request), &out); err == nil || out.Len() > 0 {
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
