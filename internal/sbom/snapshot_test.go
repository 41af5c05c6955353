package sbom_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/github"
	"seal-image/internal/sbom"
)

// TestSnapshot: the dependency graph is told of the package URLs that syft tells it of, whose
// format for it is made of the packages and not of a document.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	for name, folders := range map[string][]string{"alpine": {alpine}, "debian": {debian}, "fedora": {fedora}, "npm": {npm}, "both": {debian, npm}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			req := request(dir, layoutOf(t, dir, folders...), attest.SPDXJSON)
			_, documents := req.catalog(t)
			ours := snapshotOf(t, req, documents[0])
			syfts, err := sbom.SyftsOwn(t.Context(), req.encode(t), sbom.GitHubJSON)
			if err != nil {
				t.Fatal(err)
			}
			want := urlsIn(t, syfts)
			if diff := cmp.Diff(want, urlsIn(t, ours)); diff != "" || len(want) == 0 {
				t.Errorf("%d package URLs (-syft +ours):\n%s", len(want), diff)
			}
		})
	}
}

// snapshotOf is the snapshot that is made of a document of the image.
func snapshotOf(t *testing.T, req ask, document []byte) []byte {
	t.Helper()
	ref, err := name.NewDigest(req.Repository + "@" + req.Digest)
	if err != nil {
		t.Fatal(err)
	}
	img := attest.Image{
		Manifest: attest.Manifest{Ref: ref, MediaType: types.OCIManifestSchema1}, Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
	}
	snapshots, err := github.Scan{}.Snapshots(&attest.Result{Seals: []*attest.Seal{{
		Subject: &attest.Subject{Manifest: img.Manifest, Images: []attest.Image{img}, Platforms: 1},
		SBOMs:   []*attest.SBOM{{Image: img, Documents: []attest.Document{{Format: attest.SPDXJSON, Bytes: document}}}},
	}}})
	if err != nil || len(snapshots) != 1 {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	encoded, err := json.Marshal(snapshots[0])
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// urlsIn are the package URLs of a snapshot, sorted, each once.
func urlsIn(t *testing.T, snapshot []byte) []string {
	t.Helper()
	var s struct {
		Manifests map[string]struct {
			Resolved map[string]struct {
				URL string `json:"package_url"`
			}
		}
	}
	if err := json.Unmarshal(snapshot, &s); err != nil {
		t.Fatal(err)
	}
	urls := map[string]bool{}
	for _, m := range s.Manifests {
		for _, d := range m.Resolved {
			urls[d.URL] = true
		}
	}
	return slices.Sorted(maps.Keys(urls))
}
