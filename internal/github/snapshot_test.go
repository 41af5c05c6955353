package github_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/github"
	"seal-image/internal/golden"
)

// graph has a package that another needs, one that is there a second time and is needed by
// nobody then, two that need each other, and one that has no URL.
const graph = `{"packages":[
	{"SPDXID":"SPDXRef-a","name":"a","externalRefs":[{"referenceLocator":"pkg:npm/a@1"}]},
	{"SPDXID":"SPDXRef-b","name":"b","externalRefs":[{"referenceLocator":"pkg:deb/debian/b@2?arch=amd64&distro=debian-12"}]},
	{"SPDXID":"SPDXRef-b2","name":"b","externalRefs":[{"referenceLocator":"pkg:npm/b@2"}]},
	{"SPDXID":"SPDXRef-b3","name":"b","externalRefs":[{"referenceLocator":"pkg:npm/b@2"}]},
	{"SPDXID":"SPDXRef-c","name":"c","externalRefs":[{"referenceLocator":"pkg:npm/c@3"}]},
	{"SPDXID":"SPDXRef-d","name":"d","externalRefs":[{"referenceLocator":"pkg:npm/d@4"}]},
	{"SPDXID":"SPDXRef-e","name":"e"}],
"relationships":[
	{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-b"},
	{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-b2"},
	{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-e"},
	{"spdxElementId":"SPDXRef-b3","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-b2"},
	{"spdxElementId":"SPDXRef-e","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-a"},
	{"spdxElementId":"SPDXRef-c","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-d"},
	{"spdxElementId":"SPDXRef-d","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-c"}]}`

const small = `{"components":[{"type":"library","bom-ref":"x","name":"x","purl":"pkg:apk/alpine/x@1"}]}`

func TestSnapshots(t *testing.T) {
	t.Parallel()
	document := func(format attest.Format, content string) attest.Document {
		return attest.Document{Format: format, Bytes: []byte(content)}
	}
	spdx := document(attest.SPDXJSON, graph)
	cyclonedx := document(attest.CycloneDXJSON, small)
	scan := github.Scan{
		SHA: "8f6a3c1e0b5d4f7a9c2e1d0b3a4c5d6e7f809a1b", Ref: "refs/heads/main",
		Job:      github.Origin{ID: "1658821493", Correlator: "release_image", URL: "https://github.com/acme/demo/actions/runs/1658821493"},
		Detector: github.Detector{Name: "seal-image", Version: "1.2.3", URL: "https://github.com/acme/seal-image"},
		Time:     time.Date(2026, time.January, 2, 3, 4, 5, 6, time.FixedZone("", 3600)),
	}
	for name, seals := range map[string][]*attest.Seal{
		"plain":                     {sealed("ghcr.io/acme/app", "1", false, spdx)},
		"index":                     {sealed("ghcr.io/acme/app", "1", true, document(attest.SyftJSON, ""), cyclonedx)},
		"again in another registry": {sealed("ghcr.io/acme/app", "1", true, cyclonedx), sealed("docker.io/acme/app", "1", true, cyclonedx)},
		"two repositories":          {sealed("ghcr.io/acme/app", "1", false, cyclonedx), sealed("ghcr.io/acme/tool", "2", false, cyclonedx)},
		"two tags":                  {sealed("ghcr.io/acme/app", "1", true, cyclonedx), sealed("ghcr.io/acme/app", "2", true, cyclonedx)},
		"no list":                   {sealed("ghcr.io/acme/app", "1", false, document(attest.SyftJSON, "{}"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snapshots, err := scan.Snapshots(&attest.Result{Seals: seals})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, s := range snapshots {
				encoded, err := json.MarshalIndent(s, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "%d packages, %d left out\n%s\n", s.Packages, s.LeftOut, encoded)
			}
			golden.Compare(t, "snapshots/"+strings.ReplaceAll(name, " ", "-")+".txt", b.String())
		})
	}
	if _, err := scan.Snapshots(&attest.Result{Seals: []*attest.Seal{sealed("ghcr.io/acme/app", "1", false, document(attest.SPDXJSON, `{"packages":{}}`))}}); err == nil {
		t.Error("a document that cannot be read is no error")
	}
}

// sealed is an image whose digest ends with a figure or, as index, two of them.
func sealed(repository, figure string, index bool, documents ...attest.Document) *attest.Seal {
	manifest := func(first string, mediaType types.MediaType) attest.Manifest {
		ref, err := name.NewDigest(repository + "@sha256:" + first + figure + strings.Repeat("0", 62))
		if err != nil {
			panic(err)
		}
		return attest.Manifest{Ref: ref, MediaType: mediaType}
	}
	img := attest.Image{Manifest: manifest("a", types.OCIManifestSchema1), Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	s := &attest.Seal{
		Subject: &attest.Subject{Manifest: img.Manifest, Images: []attest.Image{img}, Platforms: 1},
		SBOMs:   []*attest.SBOM{{Image: img, Documents: documents}},
	}
	if index {
		arm := attest.Image{Manifest: manifest("b", types.OCIManifestSchema1), Platform: v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}}
		s.Subject = &attest.Subject{Manifest: manifest("c", types.OCIImageIndex), Images: []attest.Image{img, arm}, Platforms: 2}
		s.SBOMs = append(s.SBOMs, &attest.SBOM{Image: arm, Documents: documents}, &attest.SBOM{Image: attest.Image{Manifest: s.Subject.Manifest}, Documents: documents})
	}
	return s
}
