package stack_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"

	"seal-image/internal/sandbox/stack"
)

// tufOptions are of a client that starts with the root alone.
func tufOptions(t *testing.T, job *stack.Job) *tuf.Options {
	t.Helper()
	return &tuf.Options{
		Root:              readFile(t, job.TUFRoot),
		RepositoryBaseURL: job.TUFURL,
		DisableLocalCache: true,
		Fetcher:           fetcher.NewDefaultFetcher(),
		Context:           t.Context(),
	}
}

func TestTUF(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	client, err := tuf.New(tufOptions(t, job))
	if err != nil {
		t.Fatal(err)
	}
	for target, file := range map[string]string{
		"trusted_root.json": job.TrustedRoot,

		"signing_config.v0.2.json":                job.SigningConfig,
		"signing_config_rekor_v2.v0.2.json":       job.SigningConfigV2,
		"signing_config_rekor_v2_alone.v0.2.json": job.SigningConfigV2Alone,

		"fulcio.crt.pem":    filepath.Join(job.Dir, "fulcio.crt.pem"),
		"rekor.pub":         filepath.Join(job.Dir, "rekor.pub"),
		"ctfe.pub":          filepath.Join(job.Dir, "ctfe.pub"),
		"tsa.certchain.pem": filepath.Join(job.Dir, "tsa.certchain.pem"),
	} {
		got, err := client.GetTarget(target)
		if err != nil {
			t.Errorf("fetch %s: %v", target, err)
		}
		if diff := cmp.Diff(string(readFile(t, file)), string(got)); diff != "" {
			t.Errorf("%s (-file +target):\n%s", target, diff)
		}
	}
}

// A state is of one job, and may change.
func TestTUFStates(t *testing.T) {
	t.Parallel()
	bad, good := newJob(t), newJob(t)
	for _, state := range []string{"expired", "good", "foreign", "good"} {
		order := fmt.Sprintf(`{"state":%q}`, state)
		if status, body := send(t, http.MethodPost, bad.Control+"/tuf", "", order); status != http.StatusNoContent {
			t.Fatalf("POST /tuf %s: %d %s", order, status, body)
		}
		if _, err := tuf.New(tufOptions(t, bad)); (err == nil) != (state == "good") {
			t.Errorf("%s: %v", state, err)
		}
		if _, err := tuf.New(tufOptions(t, good)); err != nil {
			t.Errorf("%s: another job: %v", state, err)
		}
	}
}

func TestTUFStateRefused(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	for order, want := range map[string]string{
		`{"state":"bad"}`:           `unknown state "bad", have ["good" "expired" "expired-root" "rolled-back"`,
		`{"mode":"good"}`:           `unknown field "mode"`,
		`good`:                      "parse state",
		strings.Repeat(" ", 10<<10): "parse state",
	} {
		status, body := send(t, http.MethodPost, job.Control+"/tuf", "", order)
		if status != http.StatusBadRequest || !strings.Contains(string(body), want) {
			t.Errorf("POST /tuf %s: %d %s, want 400 with %q", order, status, body, want)
		}
	}
}

// A repository that accepts connections and does not answer is a hold.
func TestTUFStalls(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	if status, body := send(t, http.MethodPost, job.Control+"/faults", "", `{"service":"tuf","hold":"stalled"}`); status != http.StatusNoContent {
		t.Fatalf("POST /faults: %d %s", status, body)
	}
	options, done := tufOptions(t, job), make(chan error, 1)
	go func() {
		_, err := tuf.New(options)
		done <- err
	}()
	if status, body := send(t, http.MethodGet, job.Control+"/holds/stalled", "", ""); status != http.StatusNoContent {
		t.Fatalf("GET /holds/stalled: %d %s", status, body)
	}
	select {
	case err := <-done:
		t.Fatalf("the client has an answer: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	send(t, http.MethodDelete, job.Control+"/holds/stalled", "", "")
	if err := <-done; err != nil {
		t.Errorf("fetch after the release: %v", err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
