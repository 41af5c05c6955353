//go:build matrix

package matrix_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// instance is the Sigstore that actions/attest takes: the public one, which logs, for
// public repositories, and GitHub's, which gives a timestamp, for private ones.
type instance string

const (
	publicGood instance = "public-good"
	github     instance = "github"
)

// attestClient is GitHub's own client, the npm package of internal/peers/actions-attest.
type attestClient struct {
	dir string // where it is installed
	job *harness.Job
}

// A claim is what is attested: a predicate about a subject.
type claim struct {
	name, digest  string // of the subject
	predicateType string
	predicate     []byte // JSON
}

// newAttestClient installs the package below .bin, with the versions of its lock file.
func newAttestClient(t *testing.T, bin string, job *harness.Job) *attestClient {
	t.Helper()
	c := &attestClient{dir: filepath.Join(bin, "actions-attest"), job: job}
	if err := c.install(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// installScript installs the package if its copy is not that of the repository.
const installScript = `command -v node >/dev/null && command -v npm >/dev/null ||
	{ apt-get update && apt-get install -y --no-install-recommends nodejs npm; }
mkdir -p "$1"
cp .npmrc package.json attest.mjs provenance.mjs "$1"
cmp -s package-lock.json "$1/installed.json" && exit
cp package-lock.json "$1"
cd "$1" && npm ci --ignore-scripts && cp package-lock.json installed.json`

func (c *attestClient) install(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "sh", "-ec", installScript, "sh", c.dir)
	cmd.Dir = filepath.Join(root, "internal/peers/actions-attest")
	if words, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install @actions/attest: %w\n%s", err, words)
	}
	return nil
}

// attest makes the bundle of a claim as actions/attest does, in a job of the sandbox.
func (c *attestClient) attest(t *testing.T, from instance, about claim) []byte {
	t.Helper()
	dir := t.TempDir()
	runner := suite.Must(harness.NewRunner(dir, c.job))(t)
	predicate, bundle := filepath.Join(dir, "predicate.json"), filepath.Join(dir, "bundle.json")
	if err := os.WriteFile(predicate, about.predicate, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(c.dir, "attest.mjs"),
		string(from), about.name, about.digest, about.predicateType, predicate, bundle)
	cmd.Env = append(runner.Environment(nil), "FULCIO_URL="+c.job.FulcioURL, "REKOR_URL="+c.job.RekorURL,
		"TSA_URL="+strings.TrimSuffix(c.job.TSAURL, "/api/v1/timestamp")) // which the client adds
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("attest.mjs %s: %v\n%s", from, err, words)
	}
	return bytes.TrimSpace(suite.Must(os.ReadFile(bundle))(t))
}
