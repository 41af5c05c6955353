//go:build matrix

package matrix_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/harness"
	"seal-image/internal/report"
	"seal-image/internal/suite"
)

// TestPolicy has policy-controller admit what the action has signed, by the policy of the job
// summary, and refuse what another workflow would have signed, and what nobody has.
func TestPolicy(t *testing.T) {
	b := newTrustBench(t)
	program := suite.Must(b.tools.BuildPeer(t.Context(), root, "policycontroller", "."))(t)
	const line = "[policy-controller](<https://docs.sigstore.dev/policy-controller/overview/>), with the keys of this Sigstore as a `TrustRoot` of the name `own-sigstore`:"
	for _, format := range formats {
		repository := b.job.Registry + "/acme/policy-" + format
		runner := suite.Must(b.seal(t.Context(), unsigned, repository, map[string]string{"signature-format": format, "sbom": "false"}))(t)
		ref := repository + "@" + b.images[unsigned].Digest
		policy, err := runner.Copied(line)
		if format == "bundle" {
			policy, err = publicPolicy(t, b.job, ref), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, image := range []string{ref, repository + ":" + unsigned} {
			if words, err := b.admit(t, program, policy, image); err != nil {
				t.Errorf("%s: %s is refused: %v\n%s\n%s", format, image, err, words, policy)
			}
		}
		other := strings.ReplaceAll(policy, "release.yml", "other.yml")
		if words, err := b.admit(t, program, other, ref); err == nil || !strings.Contains(string(words), "dentit") {
			t.Errorf("%s: for another workflow: %v\n%s", format, err, words)
		}
		if err := b.push(t.Context(), unsigned, repository+"-unsigned"); err != nil {
			t.Fatal(err)
		}
		if words, err := b.admit(t, program, strings.ReplaceAll(policy, repository, repository+"-unsigned"), repository+"-unsigned:"+unsigned); err == nil {
			t.Errorf("%s: an image that nobody has signed is admitted\n%s", format, words)
		}
	}
}

// publicPolicy is that of an image which has bundles alone, as the summary has it for the public
// Sigstore, with the keys of the sandbox in its place.
func publicPolicy(t *testing.T, job *harness.Job, image string) string {
	t.Helper()
	manifest := attest.Manifest{Ref: suite.Must(name.NewDigest(image))(t), MediaType: types.OCIManifestSchema1}
	bundle := &attest.Bundle{
		Statement: &attest.Statement{About: manifest, PredicateType: attest.SignaturePredicateType},
		Signer:    attest.Identity{SAN: signer, Issuer: job.Issuer, Repository: "acme/demo", RepositoryURI: "https://github.com/acme/demo"},
		Entry:     attest.LogEntry{LogID: "0a", IntegratedTime: time.Now()},
	}
	seal := &attest.Seal{
		Subject: &attest.Subject{Manifest: manifest, Images: []attest.Image{{Manifest: manifest}}, Platforms: 1},
		Bundles: []*attest.Bundle{bundle}, Attachments: []*attest.Attachment{{Form: attest.FormBundle, About: manifest, Bundle: bundle, State: attest.New, Manifest: manifest}},
	}
	file := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(file, []byte(report.Summary(&attest.Result{Seals: []*attest.Seal{seal}}, report.Job{}, nil)), 0o644); err != nil {
		t.Fatal(err)
	}
	policy := suite.Must((&harness.Runner{Summary: file}).Copied("[policy-controller](<https://docs.sigstore.dev/policy-controller/overview/>):"))(t)
	return strings.NewReplacer("        identities:", "        trustRootRef: own-sigstore\n        identities:", "url: https://rekor.sigstore.dev", "trustRootRef: own-sigstore").Replace(policy)
}

// admit asks policy-controller about an image.
func (b *trustBench) admit(t *testing.T, program, policy, image string) ([]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, file, b.job.TrustedRoot, "own-sigstore", image)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	return cmd.CombinedOutput()
}
