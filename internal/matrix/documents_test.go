//go:build matrix

package matrix_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/suite"
)

const spdxType = "application/spdx+json"

// testDocuments has the plain document attached in both ways, and found by those who look
// for it: `cosign download sbom`, and readers of the list of referrers.
func (b *bench) testDocuments(t *testing.T) {
	for _, r := range b.registries {
		ref := suite.Must(name.NewDigest(r.host + "/acme/documents@" + b.images["single"].Digest))(t)
		runner := suite.Must(b.seal(t.Context(), "single", ref.Context().Name(), map[string]string{"attach-sbom": "attestation,referrer,tag"}))(t)
		outputs := suite.Must(runner.Outputs())(t)
		document := suite.Must(os.ReadFile(filepath.Join(runner.Workspace, outputs["sbom-path"])))(t)
		for name, cosign := range b.cosigns {
			got, words, err := cosign.run(t.Context(), "download", "sbom", ref.String())
			if err != nil || !bytes.Equal(got, document) {
				t.Errorf("cosign %s download sbom on %s: %v\n%s\n%.200s", name, r.name, err, words, got)
			}
		}
		if found := documents(t, ref); len(found) != 1 || !bytes.Equal(found[0], document) {
			t.Errorf("%s lists %d referrers of type %s, want one with the document", r.name, len(found), spdxType)
		}
	}
}

// documents reads the referrers that are listed with the type of an SPDX document, by the
// API or by the tag that stands in for it.
func documents(t *testing.T, ref name.Digest) [][]byte {
	t.Helper()
	index := suite.Must(remote.Referrers(ref, remote.WithContext(t.Context())))(t)
	var contents [][]byte
	for _, d := range suite.Must(index.IndexManifest())(t).Manifests {
		if d.ArtifactType == spdxType {
			contents = append(contents, suite.OnlyLayer(t, ref.Context().Digest(d.Digest.String())))
		}
	}
	return contents
}
