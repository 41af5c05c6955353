// Package harness runs the action as the GitHub runner would, against the sandbox, for the
// demo, the benchmark and all tests that run it as a process. It is no part of the action.
package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Tools are the programs that tests and the demo run, below .bin of the repository.
type Tools struct {
	Dir     string // absolute path of .bin
	Sandbox string
	Cosign  string // of internal/peers; empty if it was not asked for
	Images  string // folder of the test images, each an OCI layout
}

// buildFlags are those of the Makefile and the Dockerfile, so that all share the build cache.
var buildFlags = []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// hostile are the test images that scripts seal though they do harm; internal/hostile tries all.
var hostile = []string{"gzip-bomb", "names", "platforms", "traversal", "corrupt"}

// Build builds the sandbox, the peers if asked for, and the test images. It is quick when
// nothing has changed. root is the folder of the repository.
func Build(ctx context.Context, root string, peers bool) (*Tools, error) {
	dir, err := filepath.Abs(filepath.Join(root, ".bin"))
	if err != nil {
		return nil, err
	}
	t := &Tools{Dir: dir, Sandbox: filepath.Join(dir, "sandbox"), Images: filepath.Join(dir, "images")}
	if err := goBuild(ctx, filepath.Join(root, "internal/sandbox"), t.Sandbox, "."); err != nil {
		return nil, err
	}
	if peers {
		t.Cosign = filepath.Join(dir, "cosign")
		if err := goBuild(ctx, filepath.Join(root, "internal/peers"), t.Cosign, "github.com/sigstore/cosign/v3/cmd/cosign"); err != nil {
			return nil, err
		}
	}
	if err := os.RemoveAll(t.Images); err != nil {
		return nil, err
	}
	for _, kinds := range [][]string{nil, hostile} { // nil: all that are not hostile
		args := append([]string{"images", "-fixtures", filepath.Join(root, "testdata/images"), "-out", t.Images}, kinds...)
		if _, err = output(ctx, t.Sandbox, args...); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// BuildAction builds the action as the Dockerfile does.
func BuildAction(ctx context.Context, root string) (string, error) {
	program, err := filepath.Abs(filepath.Join(root, ".bin/seal-image"))
	if err != nil {
		return "", err
	}
	return program, goBuild(ctx, root, program, ".")
}

// BuildPeer builds the program of a module below internal/peers, and returns its path.
func (t *Tools) BuildPeer(ctx context.Context, root, peer, program string) (string, error) {
	out := filepath.Join(t.Dir, peer)
	return out, goBuild(ctx, filepath.Join(root, "internal/peers", peer), out, program)
}

func goBuild(ctx context.Context, dir, out, pkg string) error {
	args := append(append([]string{}, buildFlags...), "-o", out, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if words, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, words)
	}
	return nil
}

func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	var words bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), args[0], err, words.Bytes())
	}
	return out, nil
}

// Job is one job of the sandbox: its own addresses, record of requests, and faults.
// The fields are those of internal/sandbox/stack.
type Job struct {
	Dir                    string `json:"dir"`
	Control                string `json:"control"`
	Issuer                 string `json:"issuer"`
	IDTokenRequestURL      string `json:"id_token_request_url"`
	IDTokenRequestToken    string `json:"id_token_request_token"`
	ResultsURL             string `json:"results_url"`
	RuntimeToken           string `json:"runtime_token"`
	GitHubAPIURL           string `json:"github_api_url"`
	GitHubToken            string `json:"github_token"`
	FulcioURL              string `json:"fulcio_url"`
	RekorURL               string `json:"rekor_url"`
	RekorV2URL             string `json:"rekor_v2_url"`
	TSAURL                 string `json:"tsa_url"`
	TUFURL                 string `json:"tuf_url"`
	TUFRoot                string `json:"tuf_root"`
	Registry               string `json:"registry"`
	RegistryNoReferrers    string `json:"registry_without_referrers"`
	RegistryWithLogin      string `json:"registry_with_login"`
	RegistryWithBasicAuth  string `json:"registry_with_basic_auth"`
	RegistryDistribution   string `json:"registry_distribution"`
	RegistryUsername       string `json:"registry_username"`
	RegistryPassword       string `json:"registry_password"`
	RegistryReaderUsername string `json:"registry_reader_username"`
	RegistryReaderPassword string `json:"registry_reader_password"`
	TrustedRoot            string `json:"trusted_root"`
	SigningConfig          string `json:"signing_config"`
	SigningConfigV2        string `json:"signing_config_rekor_v2"`
	SigningConfigV2Alone   string `json:"signing_config_rekor_v2_alone"`

	RegistryQuirks map[string]string `json:"registry_quirks"`
}

// Sandbox is a running sandbox.
type Sandbox struct {
	First *Job
	cmd   *exec.Cmd
}

// startLimit is the time until the sandbox must be ready.
const startLimit = 20 * time.Second

// Start runs the sandbox, with more arguments of its serve, and waits until it is ready.
func Start(ctx context.Context, program string, args ...string) (*Sandbox, error) {
	cmd := exec.CommandContext(ctx, program, append([]string{"serve"}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	kill := time.AfterFunc(startLimit, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	s := &Sandbox{First: &Job{}, cmd: cmd}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s.First)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("sandbox did not get ready: %w", errors.Join(err, cmd.Wait()))
	}
	return s, nil
}

// Stop ends the sandbox, which leaves nothing behind.
func (s *Sandbox) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// NewJob opens another job.
func (s *Sandbox) NewJob(ctx context.Context) (*Job, error) {
	answer, err := s.First.Ask(ctx, http.MethodPost, "/jobs", nil)
	if err != nil {
		return nil, err
	}
	var job Job
	return &job, json.Unmarshal(answer, &job)
}

// Ask sends a request to the job's control server.
func (j *Job) Ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, j.Control+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}
