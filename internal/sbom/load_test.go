package sbom_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/sbom"
)

const minimalSPDX = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"n","documentNamespace":"https://example.com/n",` +
	`"creationInfo":{"created":"2026-01-01T00:00:00Z","creators":["Tool: t"]}`

func armImage(t *testing.T) attest.Image {
	t.Helper()
	img := imageOf(t, "acme/app", someDigest)
	img.Platform = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	return img
}

// given is a workspace with the content as the document for an image.
func given(t *testing.T, content string) *sbom.Cataloger {
	t.Helper()
	workspace := t.TempDir()
	writeFile(t, filepath.Join(workspace, "sbom", "linux-arm-v7.json"), []byte(content))
	return &sbom.Cataloger{Path: filepath.Join(workspace, "sbom", "{platform}.json"), Workspace: workspace}
}

// The bytes of the user's document stay as they are, and its packages are counted.
func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	packages, ours := request(dir, layoutOf(t, dir, alpine), attest.SPDXJSON, attest.CycloneDXJSON).catalog(t)
	for name, tt := range map[string]struct {
		content  string
		format   attest.Format
		packages int
	}{
		"ours":                {string(ours[0]), attest.SPDXJSON, packages},
		"ours, CycloneDX":     {string(ours[1]), attest.CycloneDXJSON, packages},
		"minimal":             {minimalSPDX + "}", attest.SPDXJSON, 0},
		"version 2.2":         {" \n" + strings.Replace(minimalSPDX, "2.3", "2.2", 1) + "\n}\n", attest.SPDXJSON, 0},
		"not an image":        {minimalSPDX + `,"documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a"},{"SPDXID":"SPDXRef-b"}]}`, attest.SPDXJSON, 2},
		"image by its URL":    {minimalSPDX + `,"documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a","externalRefs":[{"referenceLocator":"pkg:oci/a"}]},{"SPDXID":"SPDXRef-b"}]}`, attest.SPDXJSON, 1},
		"image that is part":  {minimalSPDX + `,"packages":[{"SPDXID":"SPDXRef-a","primaryPackagePurpose":"CONTAINER"}]}`, attest.SPDXJSON, 1},
		"CycloneDX":           {`{"bomFormat":"CycloneDX","specVersion":"1.2"}`, attest.CycloneDXJSON, 0},
		"CycloneDX, nested":   {`{"bomFormat":"CycloneDX","specVersion":"1.7","components":[{"type":"library","components":[{"type":"library"}]}]}`, attest.CycloneDXJSON, 2},
		"CycloneDX with file": {`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"file"},{"type":"operating-system"}]}`, attest.CycloneDXJSON, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := armImage(t)
			got, err := given(t, tt.content).Load(img)
			if err != nil {
				t.Fatal(err)
			}
			if string(only(t, got)) != tt.content || got.Documents[0].Format != tt.format || got.Packages != tt.packages || got.Image.Ref != img.Ref {
				t.Errorf("format %s, %d packages, want %s, %d", got.Documents[0].Format, got.Packages, tt.format, tt.packages)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	without := func(name string) string { return strings.Replace(minimalSPDX, name, "other", 1) + "}" }
	contents := map[string]string{
		"empty":              "",
		"xml":                `<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>`,
		"tag-value":          "# made by hand\nSPDXVersion: SPDX-2.3\n",
		"cut-off":            minimalSPDX,
		"text":               "no SBOM",
		"list":               "[]",
		"other":              `{"secret":"in here"}`,
		"syft":               `{"artifacts":[],"schema":{}}`,
		"spdx-3":             `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}`,
		"statement":          `{"_type":"https://in-toto.io/Statement/v1"}`,
		"spdx-version":       strings.Replace(minimalSPDX, "SPDX-2.3", "SPDX-2.9", 1) + "}",
		"spdx-name":          without("name"),
		"spdx-case":          strings.Replace(minimalSPDX, "SPDXID", "spdxid", 1) + "}",
		"spdx-id":            strings.Replace(minimalSPDX, "SPDXRef-DOCUMENT", "SPDXRef-Document", 1) + "}",
		"spdx-namespace":     strings.Replace(minimalSPDX, "https://example.com/n", "n", 1) + "}",
		"spdx-namespace-id":  strings.Replace(minimalSPDX, "https://example.com/n", "https://example.com/n#a", 1) + "}",
		"spdx-creation-info": without("creationInfo"),
		"spdx-packages":      minimalSPDX + `,"packages":{}}`,
		"cyclonedx-format":   `{"bomFormat":"cyclonedx","specVersion":"1.6"}`,
		"cyclonedx-version":  `{"bomFormat":"CycloneDX","specVersion":"2.0"}`,
		"cyclonedx-parts":    `{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}}`,
		"cyclonedx-number":   `{"bomFormat":"CycloneDX","specVersion":"1.6","version":"1"}`,
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		_, err := given(t, contents[name]).Load(armImage(t))
		fmt.Fprintf(&all, "# %s\n%s", name, refusal(t, err))
	}
	golden.Compare(t, "load.txt", all.String())
}

func TestLoadCannotRead(t *testing.T) {
	t.Parallel()
	arm, amd := armImage(t), imageOf(t, "acme/app", someDigest)

	missing := given(t, "{}")
	link := given(t, "")
	outside := filepath.Join(t.TempDir(), "outside.json")
	writeFile(t, outside, []byte(minimalSPDX+"}"))
	if err := os.Symlink(outside, strings.ReplaceAll(link.Path, "{platform}", "linux-amd64")); err != nil {
		t.Fatal(err)
	}
	pipe := given(t, "")
	if err := syscall.Mkfifo(strings.ReplaceAll(pipe.Path, "{platform}", "linux-amd64"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := given(t, "")
	if err := os.Truncate(strings.ReplaceAll(large.Path, "{platform}", "linux-arm-v7"), 64<<20+1); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, tt := range []struct {
		name string
		cat  *sbom.Cataloger
		img  attest.Image
	}{{"missing", missing, amd}, {"link", link, amd}, {"pipe", pipe, amd}, {"large", large, arm}} {
		_, err := tt.cat.Load(tt.img)
		fmt.Fprintf(&all, "# %s\n%s", tt.name, refusal(t, err))
	}
	golden.Compare(t, "load-unreadable.txt", all.String())
}

// refusal is what the user reads of an input that is not accepted.
func refusal(t *testing.T, err error) string {
	t.Helper()
	p := problem.From(err)
	if p == nil || p.Code != problem.InputInvalid {
		t.Fatalf("got %v", err)
	}
	text := strings.Join([]string{p.What, p.Why, p.Fix}, "\n") + "\n\n"
	if strings.Contains(text, "secret") {
		t.Errorf("the content is quoted: %s", text)
	}
	return text
}
