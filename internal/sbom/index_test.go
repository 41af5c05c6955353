package sbom_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
)

// platforms are an index of two images with documents in the formats, the first ours, the
// second the user's.
func platforms(t *testing.T, formats ...attest.Format) (*attest.Subject, []*attest.SBOM) {
	t.Helper()
	index := imageOf(t, "acme/app", v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("12", 32)})
	subject := &attest.Subject{Manifest: index.Manifest, Platforms: 2}
	subject.MediaType = types.OCIImageIndex
	ours := &attest.SBOM{Image: imageOf(t, "acme/app", someDigest), Packages: 10}
	theirs := &attest.SBOM{Packages: 3, Image: imageOf(t, "acme/app", v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("cd", 32)})}
	theirs.Image.Platform = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	for _, format := range formats {
		for platform, contents := range map[*attest.SBOM]map[attest.Format]string{
			ours: {
				attest.SPDXJSON:      strings.Replace(minimalSPDX, "com/n", "com/ours", 1) + "}",
				attest.CycloneDXJSON: `{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1}`,
			},
			theirs: {
				attest.SPDXJSON:      strings.Replace(minimalSPDX, "com/n", "com/theirs", 1) + "}",
				attest.CycloneDXJSON: `{"bomFormat":"CycloneDX","specVersion":"1.4","serialNumber":"urn:uuid:4e671687-395b-41f5-a30f-a58921a69b79","version":7}`,
			},
		} {
			content := contents[format]
			if content == "" {
				content = "{}"
			}
			platform.Documents = append(platform.Documents, attest.Document{Format: format, Bytes: []byte(content)})
		}
	}
	return subject, []*attest.SBOM{ours, theirs}
}

// indexDocument describes an index in the format.
func indexDocument(t *testing.T, format attest.Format) []byte {
	t.Helper()
	subject, sboms := platforms(t, format)
	got, err := cataloger("").Index(subject, sboms)
	if err != nil {
		t.Fatal(err)
	}
	return only(t, got)
}

func TestIndex(t *testing.T) {
	t.Parallel()
	subject, sboms := platforms(t, attest.SPDXTagValue, attest.CycloneDXJSON, attest.SPDXJSON, attest.SyftJSON)
	cat := cataloger("")
	got, err := cat.Index(subject, sboms)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Documents) != 2 || got.Packages != 13 || got.Image.Ref != subject.Ref || got.Image.Platform.String() != "" {
		t.Fatalf("%d documents, %d packages of %v", len(got.Documents), got.Packages, got.Image)
	}
	for i, file := range []string{"index.spdx.json", "index.cdx.json"} {
		golden.Compare(t, file, indented(t, got.Documents[i].Bytes))
	}
	refersToSPDX(t, got.Documents[0].Bytes, sboms)
	refersToCycloneDX(t, got.Documents[1].Bytes, sboms)

	again, err := cat.Index(subject, sboms)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Documents, again.Documents); diff != "" {
		t.Errorf("the same input gives other bytes:\n%s", diff)
	}
}

// refersToSPDX checks each reference by the bytes that it is to.
func refersToSPDX(t *testing.T, document []byte, sboms []*attest.SBOM) {
	t.Helper()
	doc := readSPDX(t, document)
	for i, ref := range doc.ExternalDocumentReferences {
		content := sboms[i].Documents[2].Bytes
		sum := sha1.Sum(content)
		var named struct{ DocumentNamespace string }
		if err := json.Unmarshal(content, &named); err != nil {
			t.Fatal(err)
		}
		if ref.URI != named.DocumentNamespace || ref.Checksum.Value != hex.EncodeToString(sum[:]) {
			t.Errorf("reference %d is to %s with %s", i, ref.URI, ref.Checksum.Value)
		}
	}
	if len(doc.ExternalDocumentReferences) != 2 {
		t.Errorf("%d references", len(doc.ExternalDocumentReferences))
	}
}

func refersToCycloneDX(t *testing.T, document []byte, sboms []*attest.SBOM) {
	t.Helper()
	var bom struct {
		Components []struct {
			ExternalReferences []struct {
				URL    string
				Hashes []struct{ Content string }
			}
		}
	}
	if err := json.Unmarshal(document, &bom); err != nil {
		t.Fatal(err)
	}
	want := []string{"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1", "urn:cdx:4e671687-395b-41f5-a30f-a58921a69b79/7"}
	for i, c := range bom.Components {
		sum := sha256.Sum256(sboms[i].Documents[1].Bytes)
		if ref := c.ExternalReferences[0]; ref.URL != want[i] || ref.Hashes[0].Content != hex.EncodeToString(sum[:]) {
			t.Errorf("reference %d is %v", i, ref)
		}
	}
	if len(bom.Components) != 2 {
		t.Errorf("%d components", len(bom.Components))
	}
}

// A format in which not every platform can be referred to has no document.
func TestIndexLeavesOut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		formats []attest.Format
		change  func([]*attest.SBOM) []*attest.SBOM
		want    int
	}{
		"neither format":   {formats: []attest.Format{attest.SyftJSON, attest.SPDXTagValue}},
		"no documents":     {},
		"no platforms":     {change: func([]*attest.SBOM) []*attest.SBOM { return nil }},
		"one lacks one":    {formats: []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON}, want: 1, change: cutLast},
		"no serial number": {formats: []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON}, want: 1, change: withoutSerial},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			subject, sboms := platforms(t, tt.formats...)
			if tt.change != nil {
				sboms = tt.change(sboms)
			}
			got, err := cataloger("").Index(subject, sboms)
			if err != nil || len(got.Documents) != tt.want {
				t.Fatalf("%v, %d documents, want %d", err, len(got.Documents), tt.want)
			}
			if tt.want == 1 && got.Documents[0].Format != attest.SPDXJSON {
				t.Errorf("format %s", got.Documents[0].Format)
			}
		})
	}
}

func cutLast(sboms []*attest.SBOM) []*attest.SBOM {
	sboms[1].Documents = sboms[1].Documents[:1]
	return sboms
}

func withoutSerial(sboms []*attest.SBOM) []*attest.SBOM {
	sboms[1].Documents[1].Bytes = []byte(`{"bomFormat":"CycloneDX","specVersion":"1.4"}`)
	return sboms
}

func TestIndexOfDamagedDocument(t *testing.T) {
	t.Parallel()
	subject, sboms := platforms(t, attest.SPDXJSON)
	sboms[1].Documents[0].Bytes = []byte("{")
	if _, err := cataloger("").Index(subject, sboms); err == nil || !strings.Contains(err.Error(), "linux/arm/v7") {
		t.Errorf("got %v, want an error that names the platform", err)
	}
}
