//go:build load

package load_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// outcome is what a run of the action has left.
type outcome struct {
	exit   int
	log    string
	runner *harness.Runner
	took   time.Duration
}

// run runs the action once, with a folder of its own, in a job of the sandbox.
func (b *bench) run(ctx context.Context, job *harness.Job, process int, inputs map[string]string) (*outcome, error) {
	runner, err := harness.NewRunner(filepath.Join(b.dir, rand.Text()), job)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(runner.Workspace, "sbom.spdx.json"), b.sbom, 0o644); err != nil {
		return nil, err
	}
	all := map[string]string{"allow-http-registry": "true", "tuf-url": job.TUFURL, "tuf-root": job.TUFRoot}
	maps.Copy(all, inputs)
	cmd := exec.CommandContext(ctx, b.action)
	cmd.Env = append(runner.Environment(all), "RUNNER_DEBUG=1", // the log of the requests is looked through as well
		"ACTIONS_ID_TOKEN_REQUEST_URL="+job.IDTokenRequestURL+"&claim.job_workflow_ref="+url.QueryEscape(workflow(process)))
	cmd.Dir = runner.Workspace
	start := time.Now()
	log, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return nil, err
	}
	return &outcome{exit: cmd.ProcessState.ExitCode(), log: string(log), runner: runner, took: time.Since(start)}, nil
}

// mustSeal fails the test where a run does.
func (b *bench) mustSeal(t *testing.T, job *harness.Job, inputs map[string]string) *outcome {
	t.Helper()
	out := suite.Must(b.run(t.Context(), job, 0, inputs))(t)
	if out.exit != 0 {
		t.Fatalf("exit status %d after %s\n%s", out.exit, out.took.Round(time.Second), tail([]byte(out.log)))
	}
	return out
}

// cosign runs the program cosign with the trust of a job, for the identity of a process.
func (b *bench) cosign(ctx context.Context, job *harness.Job, process int, args ...string) error {
	args = append(args, "--allow-http-registry", "--trusted-root", job.TrustedRoot,
		"--certificate-identity", identity(process), "--certificate-oidc-issuer", job.Issuer)
	if words, err := exec.CommandContext(ctx, b.tools.Cosign, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cosign %s: %w\n%s", strings.Join(args, " "), err, tail(words))
	}
	return nil
}

// asked is one request that a job's servers were asked.
type asked struct {
	Service, Method, Path, Fault string

	Status int
}

func requests(t *testing.T, job *harness.Job) []asked {
	t.Helper()
	var out []asked
	lines := json.NewDecoder(bytes.NewReader(suite.Must(job.Ask(t.Context(), http.MethodGet, "/requests", nil))(t)))
	for lines.More() {
		var one asked
		if err := lines.Decode(&one); err != nil {
			t.Fatal(err)
		}
		out = append(out, one)
	}
	return out
}

// newJob is another job of the sandbox: the same servers and registries at addresses of its own,
// where no fault was ordered.
func (b *bench) newJob(t *testing.T) *harness.Job {
	t.Helper()
	return suite.Must(b.sandbox.NewJob(t.Context()))(t)
}

// spoil orders a fault.
func spoil(t *testing.T, job *harness.Job, fault map[string]any) {
	t.Helper()
	order := suite.Must(json.Marshal(fault))(t)
	suite.Must(job.Ask(t.Context(), http.MethodPost, "/faults", order))(t)
}

// tally counts by name.
type tally map[string]int

func (c tally) String() string {
	parts := make([]string, 0, len(c))
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, name+" "+strconv.Itoa(c[name]))
	}
	return strings.Join(parts, ", ")
}

// size is how much of a load to try: a number of the environment, or the usual one.
func size(t *testing.T, variable string, usual int) int {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return usual
	}
	return suite.Must(strconv.Atoi(value))(t)
}
