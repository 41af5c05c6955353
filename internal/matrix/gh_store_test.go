//go:build matrix

package matrix_test

import (
	"os/exec"
	"strings"
	"testing"

	"seal-image/internal/suite"
)

// TestGHStore has GitHub's command line find the attestations where it looks when it is told
// nothing of a registry: with GitHub. For a host it gets one that it knows for development, and
// for a way there the sandbox's API as proxy.
func TestGHStore(t *testing.T) {
	b := newGH(t)
	registryAlone := b.job.Registry + "/acme/gh-store-not"
	suite.Must(b.seal(t.Context(), "single", registryAlone, map[string]string{"signature-format": "bundle", "provenance": "true"}))(t)
	if words, err := b.verifyStored(t, registryAlone+"@"+b.images["single"].Digest, "--repo", "acme/demo"); err == nil || !strings.Contains(string(words), "no attestations found") {
		t.Errorf("gh finds what only the registry has: %v\n%s", err, words)
	}
	for _, l := range ledgers {
		repository := b.job.Registry + "/acme/gh-store-" + strings.ToLower(l.target)
		suite.Must(b.seal(t.Context(), "single", repository, map[string]string{
			"signature-format": "bundle", "signing-config": l.target, "provenance": "true", "github-attestation": "true",
		}))(t)
		ref := repository + "@" + b.images["single"].Digest
		for _, kind := range []string{spdxPredicateType, provenancePredicateType} {
			if words, err := b.verifyStored(t, ref, "--predicate-type", kind, "--repo", "acme/demo", "--cert-identity", signer); err != nil || !strings.Contains(string(words), kind) {
				t.Errorf("%s: gh refuses %s: %v\n%s", l.name, kind, err, words)
			}
			for _, other := range [][]string{
				{"--repo", "acme/demo", "--cert-identity", stranger},
				{"--repo", "acme/demo", "--source-ref", "refs/heads/other"},
			} {
				if words, err := b.verifyStored(t, ref, append(other, "--predicate-type", kind)...); err == nil {
					t.Errorf("%s: gh accepts a %s of %v: %s", l.name, kind, other, words)
				}
			}
		}
	}
}

// verifyStored has gh verify what GitHub has about an image.
func (b *ghBench) verifyStored(t *testing.T, ref string, more ...string) ([]byte, error) {
	t.Helper()
	args := []string{"attestation", "verify", "oci://" + ref, "--custom-trusted-root", b.root, "--format", "json"}
	cmd := exec.CommandContext(t.Context(), b.program, append(args, more...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "GH_TOKEN=" + b.job.GitHubToken, "GH_HOST=github.localhost", "HTTP_PROXY=" + b.job.GitHubAPIURL}
	return cmd.CombinedOutput()
}
