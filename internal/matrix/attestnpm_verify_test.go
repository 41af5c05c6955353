//go:build matrix

package matrix_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/suite"
)

// testVerify has the verify action read the SBOM that actions/attest has attached, beside
// the signature that it wants of every image.
func (b *attestBench) testVerify(t *testing.T) {
	about, _ := b.sealSBOM(t, b.job.Registry+"/acme/documented", nil)
	for from, wanted := range map[instance]string{publicGood: "", github: "log"} {
		for _, predicateType := range []string{spdxPredicateType, spdxPredicateType + "/v2.3"} { // actions/attest-sbom writes the version
			about.predicateType = predicateType
			about.name = b.job.Registry + "/acme/npm-" + string(from) + "-" + strings.ReplaceAll(filepath.Base(predicateType), ".", "-")
			about.name = strings.ToLower(about.name)
			suite.Must(b.seal(t.Context(), "single", about.name, map[string]string{"sbom": "false", "signature-format": "bundle"}))(t)
			ref := suite.Must(name.NewDigest(about.name + "@" + about.digest))(t)
			storeReferrer(t, ref, b.client.attest(t, from, about), about.predicateType)
			b.verifySBOM(t, ref, about, wanted)
		}
	}
}

// verifySBOM wants the SBOM to be accepted, or what is wrong with it.
func (b *attestBench) verifySBOM(t *testing.T, ref name.Digest, about claim, wrong string) {
	t.Helper()
	runner, err := b.verifyAction(t.Context(), map[string]string{
		"image": ref.String(), "certificate-identity": signer, "require-sbom": "true", "allow-http-registry": "true",
		"tuf-url": b.job.TUFURL, "tuf-root": b.job.TUFRoot,
	})
	if wrong != "" {
		if err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: got %v, want a refusal for the %s", ref, err, wrong)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	outputs := suite.Must(runner.Outputs())(t)
	got := suite.Must(os.ReadFile(filepath.Join(runner.Workspace, outputs["sbom-path"])))(t)
	var want, have any
	if err := json.Unmarshal(about.predicate, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s: the SBOM differs (-attested +extracted):\n%s", ref, diff)
	}
}
