//go:build matrix

package matrix_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// jobs are claims of the token that differ from those of a push, as a query, and in what the
// provenance of the action then differs from that of actions/attest: a text of theirs, and
// ours.
var jobs = map[string]struct{ claims, theirs, ours string }{
	"push":            {},
	"release":         {claims: "&claim.event_name=release&claim.ref=refs/tags/v1&claim.workflow_ref=acme/demo/.github/workflows/release.yml@refs/tags/v1&claim.job_workflow_ref=acme/demo/.github/workflows/release.yml@refs/tags/v1"},
	"called":          {claims: "&claim.job_workflow_ref=acme/shared/.github/workflows/publish.yml@refs/tags/v1"},
	"another-attempt": {claims: "&claim.run_attempt=3&claim.runner_environment=self-hosted"},
	"not-a-plain-url": {claims: "&claim.ref=refs/heads/gr%C3%B6%C3%9Fe&claim.workflow_ref=acme/demo/.github/workflows/my%20%3Cb%3E.yml@refs/heads/gr%C3%B6%C3%9Fe"},
	"at-in-the-path": { // the build type warns of an @ in paths, and the library ends the path there
		claims: "&claim.workflow_ref=acme/demo/.github/workflows/a@b.yml@refs/heads/main",
		theirs: `"path":".github/workflows/a"`, ours: `"path":".github/workflows/a@b.yml"`,
	},
}

// testProvenance has both make the provenance of the same job: the same bytes, but for the
// listed difference.
func (b *attestBench) testProvenance(t *testing.T) {
	for name, j := range jobs {
		job := *b.job
		job.IDTokenRequestURL += j.claims
		in := &attestBench{bench: &bench{dir: b.dir, tools: b.tools, action: b.action, job: &job, images: b.images}, client: &attestClient{dir: b.client.dir, job: &job}}
		runner := suite.Must(in.seal(t.Context(), "single", job.Registry+"/acme/provenance-"+name, map[string]string{"sbom": "false", "provenance": "true"}))(t)
		ours := predicateOf(t, suite.Must(os.ReadFile(filepath.Join(runner.Workspace, ".seal-image", "provenance.sigstore.json")))(t))
		theirs := strings.Replace(in.client.provenance(t), j.theirs, j.ours, 1)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%s: provenance (-actions/attest +action):\n%s", name, diff)
		}
	}
}

// provenance is what actions/attest makes in this job.
func (c *attestClient) provenance(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	runner := suite.Must(harness.NewRunner(dir, c.job))(t)
	file := filepath.Join(dir, "predicate.json")
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(c.dir, "provenance.mjs"), file)
	cmd.Env = runner.Environment(nil)
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("provenance.mjs: %v\n%s", err, words)
	}
	var made struct {
		Type   string
		Params json.RawMessage
	}
	if err := json.Unmarshal(suite.Must(os.ReadFile(file))(t), &made); err != nil || made.Type != provenancePredicateType {
		t.Fatalf("a predicate of type %q, %v", made.Type, err)
	}
	return string(made.Params)
}

// predicateOf is the provenance in a bundle, byte for byte.
func predicateOf(t *testing.T, bundle []byte) string {
	t.Helper()
	signed := payload(t, bundle)
	var st struct {
		PredicateType string
		Predicate     json.RawMessage
	}
	if err := json.Unmarshal(signed, &st); err != nil || st.PredicateType != provenancePredicateType {
		t.Fatalf("no provenance, %v: %s", err, signed)
	}
	return string(st.Predicate)
}
