//go:build matrix

package matrix_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/suite"
)

// TestGH has GitHub's own command line verify the attestations that the action has
// attached, as `gh attestation verify` reads them from a registry, with either log.
func TestGH(t *testing.T) {
	b := newGH(t)
	for _, l := range ledgers {
		repository := b.job.Registry + "/acme/gh-" + strings.ToLower(l.target)
		runner := suite.Must(b.seal(t.Context(), "single", repository, map[string]string{"signature-format": "bundle", "signing-config": l.target, "provenance": "true"}))(t)
		ref := repository + "@" + b.images["single"].Digest
		words, err := b.verify(t, ref, "--predicate-type", spdxPredicateType, "--repo", "acme/demo", "--cert-identity", signer)
		if err != nil {
			t.Errorf("%s: gh refuses: %v\n%s", l.name, err, words)
			continue
		}
		sbom := suite.Must(os.ReadFile(filepath.Join(runner.Workspace, ".seal-image", "linux-amd64.spdx.json")))(t)
		if !bytes.Contains(words, []byte(namespace(t, sbom))) {
			t.Errorf("%s: gh does not print the SBOM: %s", l.name, words)
		}
		b.checkProvenance(t, l.name, ref)
		for _, other := range [][]string{
			{"--repo", "acme/other"},
			{"--repo", "acme/demo", "--cert-identity", stranger},
			{"--repo", "acme/demo", "--source-ref", "refs/heads/other"},
		} {
			for _, kind := range []string{spdxPredicateType, provenancePredicateType} {
				if words, err := b.verify(t, ref, append(other, "--predicate-type", kind)...); err == nil {
					t.Errorf("%s: gh accepts a %s of %v: %s", l.name, kind, other, words)
				}
			}
		}
	}
}

// ghBench has GitHub's command line.
type ghBench struct {
	*trustBench
	program, root string
}

func newGH(t *testing.T) *ghBench {
	t.Helper()
	b := &ghBench{trustBench: newTrustBench(t)}
	b.program = suite.Must(b.tools.BuildPeer(t.Context(), root, "gh", "github.com/cli/cli/v2/cmd/gh"))(t)
	b.root = b.lines(t)
	b.images["single"] = suite.Must(readImage(b.tools.Images, "single"))(t)
	return b
}

// verify has gh verify what the registry has about an image.
func (b *ghBench) verify(t *testing.T, ref string, more ...string) ([]byte, error) {
	t.Helper()
	args := []string{"attestation", "verify", "oci://" + ref, "--bundle-from-oci", "--custom-trusted-root", b.root, "--format", "json"}
	cmd := exec.CommandContext(t.Context(), b.program, append(args, more...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "GH_TOKEN=ghp_sandbox0123456789"}
	return cmd.CombinedOutput()
}

// lines is the trusted root as gh reads it: each on a line of its own.
func (b *trustBench) lines(t *testing.T) string {
	t.Helper()
	var line bytes.Buffer
	if err := json.Compact(&line, suite.Must(os.ReadFile(b.job.TrustedRoot))(t)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "trusted_root.jsonl")
	if err := os.WriteFile(file, append(line.Bytes(), '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// namespace is what one SPDX document alone has.
func namespace(t *testing.T, sbom []byte) string {
	t.Helper()
	var document struct{ DocumentNamespace string }
	if err := json.Unmarshal(sbom, &document); err != nil || document.DocumentNamespace == "" {
		t.Fatalf("no namespace: %v", err)
	}
	return document.DocumentNamespace
}
