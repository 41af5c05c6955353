//go:build matrix

package sbom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"seal-image/internal/attest"
	"seal-image/internal/sbom"
)

// judges are programs of others, which know the formats.
type judges struct{ utility, quality string }

// TestJudges has the documents of every test image judged, ours beside syft's own, and prints
// a table. Ours are valid, no worse, and in SPDX better by a point where the package
// databases hold licenses, which dpkg's does not.
func TestJudges(t *testing.T) {
	j := buildJudges(t)
	fmt.Println("| image | format | valid | sbomqs | syft's | NTIA | syft's | bytes | syft's |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, img := range testImages(t) {
		for _, files := range []string{sbom.FilesNone, sbom.FilesAll} {
			img.Options = sbom.Options{Formats: []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON}, Files: files}
			_, documents := img.catalog(t)
			for i, format := range img.Options.Formats {
				if files != sbom.FilesNone {
					j.validate(t, documents[i])
					continue
				}
				j.compare(t, img, format, documents[i])
			}
		}
	}
	for _, format := range []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON} {
		document := indexDocument(t, format)
		fmt.Printf("| index | %s | %t | %.1f | | %.1f | | %d | |\n", format, j.validate(t, document), j.score(t, document), j.score(t, document, "--profile", "ntia"), len(document))
	}
}

var concluded = regexp.MustCompile(`"licenseConcluded":"[^N"]`)

func (j judges) compare(t *testing.T, img ask, format attest.Format, ours []byte) {
	t.Helper()
	syfts, err := sbom.SyftsOwn(t.Context(), img.encode(t), format)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(img.Layout) + " " + img.Platform
	valid := j.validate(t, ours)
	score, theirs := j.score(t, ours), j.score(t, syfts)
	ntia, theirNTIA := j.score(t, ours, "--profile", "ntia"), j.score(t, syfts, "--profile", "ntia")
	fmt.Printf("| %s | %s | %t | %.1f | %.1f | %.1f | %.1f | %d | %d |\n", name, format, valid, score, theirs, ntia, theirNTIA, len(ours), len(syfts))
	if format == attest.SPDXJSON && concluded.Match(ours) && score < theirs+0.95 { // scores have one decimal
		t.Errorf("%s: sbomqs gives %.1f, and %.1f to syft's own: less than a point more", name, score, theirs)
	}
	if score < theirs || ntia < theirNTIA || (format == attest.SPDXJSON && ntia < 10) {
		t.Errorf("%s, %s: sbomqs gives %.1f, NTIA %.1f; syft's own has %.1f, %.1f", name, format, score, ntia, theirs, theirNTIA)
	}
}

func buildJudges(t *testing.T) judges {
	t.Helper()
	dir := t.TempDir()
	j := judges{utility: filepath.Join(dir, "sbom-utility"), quality: filepath.Join(dir, "sbomqs")}
	run(t, "../peers/sbomtools", "go", "build", "-o", j.utility, "github.com/CycloneDX/sbom-utility")
	run(t, "../peers/sbomtools", "go", "build", "-o", j.quality, "github.com/interlynk-io/sbomqs/v2")
	return j
}

func run(t *testing.T, dir, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, words.Bytes())
	}
	return out
}

func (j judges) validate(t *testing.T, document []byte) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), j.utility, "validate", "-i", store(t, document), "--quiet")
	words, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("sbom-utility: %v\n%s", err, words)
	}
	return err == nil
}

func (j judges) score(t *testing.T, document []byte, args ...string) float64 {
	t.Helper()
	out := run(t, ".", j.quality, append(append([]string{"score", "--basic"}, args...), store(t, document))...)
	score, err := strconv.ParseFloat(strings.Fields(string(out))[0], 64)
	if err != nil {
		t.Fatalf("sbomqs says %q", out)
	}
	return score
}

func store(t *testing.T, document []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "document.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// testImages are those of the sandbox, each platform in a layout as a download is one.
func testImages(t *testing.T) []ask {
	t.Helper()
	dir := t.TempDir()
	run(t, "../sandbox", "go", "build", "-o", filepath.Join(dir, "sandbox"), ".")
	run(t, ".", filepath.Join(dir, "sandbox"), "images", "-fixtures", "../../testdata/images", "-out", filepath.Join(dir, "images"))
	var out []ask
	for _, kind := range []string{"single", "default", "multi", "docker", "variant"} {
		var made struct {
			Images []struct{ Platform, Digest string }
		}
		if err := json.Unmarshal([]byte(readFile(t, filepath.Join(dir, "images", kind+".json"))), &made); err != nil {
			t.Fatal(err)
		}
		from, err := layout.ImageIndexFromPath(filepath.Join(dir, "images", kind))
		if err != nil {
			t.Fatal(err)
		}
		to, err := layout.Write(filepath.Join(dir, kind), empty.Index)
		if err != nil {
			t.Fatal(err)
		}
		for _, img := range made.Images {
			if err := to.AppendImage(imageIn(t, from, img.Digest)); err != nil {
				t.Fatal(err)
			}
			a := request(filepath.Join(dir, kind), v1.Hash{})
			a.Digest, a.Platform = img.Digest, img.Platform
			out = append(out, a)
		}
	}
	// What people build: the packages of `npm ci`, alone and on those of a distribution.
	node, both := filepath.Join(dir, "node"), filepath.Join(dir, "debian and node")
	return append(out, request(node, layoutOf(t, node, "testdata/node")), request(both, layoutOf(t, both, debian, "testdata/node")))
}

// imageIn finds an image in an index or in the indexes of it.
func imageIn(t *testing.T, index v1.ImageIndex, digest string) v1.Image {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range manifest.Manifests {
		switch {
		case d.Digest.String() == digest:
			img, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return img
		case d.MediaType.IsIndex():
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if img := imageIn(t, inner, digest); img != nil {
				return img
			}
		}
	}
	return nil
}
