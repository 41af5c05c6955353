package report_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/report"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	windows := func(version string) v1.Platform {
		return v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: version}
	}
	every := []attest.Format{attest.CycloneDXJSON, attest.SPDXJSON, attest.SyftJSON, attest.SPDXTagValue}
	mirrored := func() *attest.Result {
		m := &sealer{}
		return result(m.seal(t, plain(), how{}), m.seal(t, in("quay.io/acme/app", plain()), how{}), m.seal(t, in("quay.io/mirror/acme/app", plain()), how{}))
	}
	m := &sealer{}
	for name, res := range map[string]*attest.Result{
		"single":              one(t, plain(), how{}),
		"bundle":              one(t, plain(), how{sign: attest.Bundles}),
		"legacy":              one(t, plain(), how{sign: attest.Legacy}),
		"formats":             one(t, plain(), how{formats: every, plain: true}),
		"multi":               one(t, multi(), how{}),
		"multi-formats":       one(t, multi(), how{formats: every}),
		"one-image-index":     one(t, index(image("a", amd64)), how{}),
		"artifact":            one(t, artifact(), how{noSBOM: true}),
		"provenance":          one(t, multi(), how{proven: proof}),
		"provenance-plain":    one(t, plain(), how{proven: proof, noSBOM: true, sign: attest.Legacy}),
		"provenance-several":  result(m.seal(t, plain(), how{proven: proof}), m.seal(t, in("quay.io/acme/tool", multi()), how{proven: proof})),
		"several":             several(t),
		"mirrored":            mirrored(),
		"failed-several":      partly(t),
		"one-platform-twice":  dryRun(index(image("a", amd64), image("b", amd64))),
		"names-that-meet":     dryRun(index(image("a", armV7), image("b", v1.Platform{OS: "linux", Architecture: "arm-v7"}))),
		"versions-of-windows": dryRun(index(image("a", windows("10.0.1")), image("b", windows("10.0.2")))),
		"path-in-a-platform":  dryRun(single(image("a", v1.Platform{OS: "linux", Architecture: "../../etc", Variant: "a\nb"}))),
		"platform-index":      one(t, index(image("a", v1.Platform{OS: "index"}), image("b", amd64)), how{}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := report.Files(res, dir)
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "files/"+name+".txt", strings.Join(slices.Sorted(maps.Keys(files)), "\n")+"\n")
			results, err := report.Results(res, dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(results), string(files[report.ResultsFile])); diff != "" {
				t.Errorf("results.json (-want +got):\n%s", diff)
			}
			checkFiles(t, res, files)
		})
	}
}

// written is what results.json says of files.
type written struct {
	Images []struct {
		Platforms []struct{ Documents []document }
		Documents []document
		Attached  []struct {
			Form     string
			Bundle   string `json:"bundle_path"`
			LogIndex int    `json:"log_index"`
		} `json:"attachments"`
	}
}

type document struct{ Path, Digest string }

// checkFiles: each document and each bundle has a file of its own, and results.json says
// which.
func checkFiles(t *testing.T, res *attest.Result, files map[string][]byte) {
	t.Helper()
	var got written
	if err := json.Unmarshal(files[report.ResultsFile], &got); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{report.ResultsFile: true}
	for _, img := range got.Images {
		all := img.Documents
		for _, p := range img.Platforms {
			all = append(all, p.Documents...)
		}
		for _, doc := range all {
			path := strings.TrimPrefix(doc.Path, dir+"/")
			if sum := fmt.Sprintf("sha256:%x", sha256.Sum256(files[path])); sum != doc.Digest || files[path] == nil {
				t.Errorf("%s has the digest %s, and results.json says %s", path, sum, doc.Digest)
			}
			named[path] = true
		}
		for _, a := range img.Attached {
			path := strings.TrimPrefix(a.Bundle, dir+"/")
			if want := fmt.Sprintf(`{"bundle":%d}`, a.LogIndex); path != "" && string(files[path]) != want {
				t.Errorf("%s is %s, and results.json says entry %d", path, files[path], a.LogIndex)
			}
			if path != "" {
				named[path] = true
			}
		}
	}
	want := 1
	for _, s := range res.Seals {
		want += len(s.Bundles)
		for _, sbom := range s.SBOMs {
			want += len(sbom.Documents)
		}
	}
	if len(files) != want || len(named) != want {
		t.Errorf("%d files, %d of them in results.json, of %d documents and bundles", len(files), len(named), want)
	}
}

func TestArtifactName(t *testing.T) {
	t.Parallel()
	for repository, want := range map[string]string{
		"ghcr.io/acme/app": "app-aaaaaaaaaaaa",
		"ghcr.io/acme/" + strings.Repeat("b.", 100) + "c": strings.Repeat("b.", 53) + "c-aaaaaaaaaaaa",
	} {
		if got := report.ArtifactName(dryRun(in(repository, plain()))); got != want {
			t.Errorf("ArtifactName = %s, want %s", got, want)
		}
	}
}
