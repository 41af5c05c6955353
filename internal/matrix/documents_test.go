//go:build matrix

package matrix_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const spdxType = "application/spdx+json"

// testDocuments has the plain document attached in both ways, and found by those who look
// for it: `cosign download sbom`, and readers of the list of referrers.
func (b *bench) testDocuments(t *testing.T) {
	for _, r := range b.registries {
		ref := must(name.NewDigest(r.host + "/acme/documents@" + b.images["single"].Digest))(t)
		runner := must(b.seal(t.Context(), "single", ref.Context().Name(), map[string]string{"attach-sbom": "attestation,referrer,tag"}))(t)
		outputs := must(runner.Outputs())(t)
		document := must(os.ReadFile(filepath.Join(runner.Workspace, outputs["sbom-path"])))(t)
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
	index := must(remote.Referrers(ref, remote.WithContext(t.Context())))(t)
	var contents [][]byte
	for _, d := range must(index.IndexManifest())(t).Manifests {
		if d.ArtifactType == spdxType {
			contents = append(contents, onlyLayer(t, ref.Context().Digest(d.Digest.String())))
		}
	}
	return contents
}

func onlyLayer(t *testing.T, ref name.Digest) []byte {
	t.Helper()
	image := must(remote.Image(ref, remote.WithContext(t.Context())))(t)
	layers := must(image.Layers())(t)
	if len(layers) != 1 {
		t.Fatalf("%s has %d layers, want one", ref, len(layers))
	}
	content := must(layers[0].Compressed())(t) // as it is stored
	defer content.Close()
	return must(io.ReadAll(content))(t)
}
