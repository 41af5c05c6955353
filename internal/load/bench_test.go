//go:build load

package load_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// root is the folder of the repository.
const root = "../.."

// kind is the test image that is sealed, one without an index.
const kind = "single"

// bench is what the test works with.
type bench struct {
	dir     string
	tools   *harness.Tools
	action  string
	sandbox *harness.Sandbox
	job     *harness.Job // the first of the sandbox
	digest  string       // of the image
	sbom    []byte
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: suite.OpenDir(t)}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	// Listing the packages would take most of the time, and is not what is tested.
	b.sbom = suite.Must(os.ReadFile("testdata/sbom.spdx.json"))(t)
	var image struct {
		Digest string `json:"digest"`
	}
	content := suite.Must(os.ReadFile(filepath.Join(b.tools.Images, kind+".json")))(t)
	if err := json.Unmarshal(content, &image); err != nil {
		t.Fatal(err)
	}
	b.digest = image.Digest
	b.sandbox = suite.Start(t, b.tools)
	b.job = b.sandbox.First
	return b
}

func (b *bench) push(t *testing.T, repository string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.tools.Sandbox, "push", filepath.Join(b.tools.Images, kind), repository+":v1")
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("push to %s: %v\n%s", repository, err, words)
	}
}

// seal runs the action once, with the identity of the process.
func (b *bench) seal(ctx context.Context, repository string, process int) error {
	runner, err := harness.NewRunner(filepath.Join(b.dir, rand.Text()), b.job)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(runner.Workspace, "sbom.spdx.json"), b.sbom, 0o644); err != nil {
		return err
	}
	return b.sealOn(ctx, runner, repository, process)
}

// sealOn is seal on a runner that has the SBOM.
func (b *bench) sealOn(ctx context.Context, runner *harness.Runner, repository string, process int) error {
	cmd := exec.CommandContext(ctx, b.action)
	cmd.Env = append(runner.Environment(map[string]string{
		"image": repository + ":v1", "digest": b.digest, "allow-http-registry": "true",
		"signature-format": "both", "sbom-path": "sbom.spdx.json",
		"tuf-url": b.job.TUFURL, "tuf-root": b.job.TUFRoot,
	}), "ACTIONS_ID_TOKEN_REQUEST_URL="+b.job.IDTokenRequestURL+"&claim.job_workflow_ref="+url.QueryEscape(workflow(process)))
	cmd.Dir = runner.Workspace
	if log, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("seal %s as %s: %w\n%s", repository, identity(process), err, tail(log))
	}
	return nil
}

// tail is the end of a log, where the error is.
func tail(log []byte) string {
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// workflow is the claim by which the identities of the processes differ.
func workflow(process int) string {
	return fmt.Sprintf("acme/demo/.github/workflows/release-%02d.yml@refs/heads/main", process)
}

func identity(process int) string { return "https://github.com/" + workflow(process) }
