package stack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"

	"seal-image/internal/sandbox/front"
	"seal-image/internal/sandbox/stack"
)

// shared is the one stack that a process can have; every test opens jobs of its own.
var shared *stack.Stack

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "stack-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if shared, err = stack.Start(context.Background(), dir); err != nil {
		return 0, err
	}
	code = m.Run()
	return code, shared.Close()
}

func newJob(t *testing.T) *stack.Job {
	t.Helper()
	job, err := shared.NewJob(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// send sends JSON and returns the status and the body of the answer.
func send(t *testing.T, method, url, bearer, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, content
}

// record is what a job wrote down.
func record(t *testing.T, job *stack.Job) []front.Request {
	t.Helper()
	_, body := send(t, http.MethodGet, job.Control+"/requests", "", "")
	var got []front.Request
	for lines := bufio.NewScanner(strings.NewReader(string(body))); lines.Scan(); {
		var r front.Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	return got
}

// requests are those of a job, as "service method path status".
func requests(t *testing.T, job *stack.Job) []string {
	t.Helper()
	got := []string{}
	for _, r := range record(t, job) {
		got = append(got, fmt.Sprint(r.Service, " ", r.Method, " ", r.Path, " ", r.Status))
	}
	return got
}

func TestStartTwice(t *testing.T) {
	t.Parallel()
	if _, err := stack.Start(t.Context(), t.TempDir()); err == nil {
		t.Error("a second stack started")
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	first := newJob(t)
	status, body := send(t, http.MethodPost, first.Control+"/jobs", "", "")
	if status != http.StatusCreated {
		t.Fatalf("POST /jobs: %d %s", status, body)
	}
	var second stack.Job
	if err := json.Unmarshal(body, &second); err != nil {
		t.Fatal(err)
	}
	if status, body := send(t, http.MethodPost, first.Control+"/faults", "", `{"service":"rekor","status":503}`); status != http.StatusNoContent {
		t.Fatalf("POST /faults: %d %s", status, body)
	}
	for _, job := range []*stack.Job{first, &second} {
		send(t, http.MethodGet, job.RekorURL+"/api/v1/log", "", "")
	}
	if diff := cmp.Diff([]string{"rekor GET /api/v1/log 503"}, requests(t, first)); diff != "" {
		t.Errorf("requests of the first job (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"rekor GET /api/v1/log 200"}, requests(t, &second)); diff != "" {
		t.Errorf("requests of the second job (-want +got):\n%s", diff)
	}
}

func TestTUF(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	anchor := readFile(t, job.TUFRoot)
	client, err := tuf.New(&tuf.Options{
		Root:              anchor,
		RepositoryBaseURL: job.TUFURL,
		CachePath:         t.TempDir(),
		Fetcher:           fetcher.NewDefaultFetcher(),
		Context:           t.Context(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for target, file := range map[string]string{
		"trusted_root.json":        job.TrustedRoot,
		"signing_config.v0.2.json": job.SigningConfig,
		"fulcio.crt.pem":           filepath.Join(job.Dir, "fulcio.crt.pem"),
		"rekor.pub":                filepath.Join(job.Dir, "rekor.pub"),
		"ctfe.pub":                 filepath.Join(job.Dir, "ctfe.pub"),
		"tsa.certchain.pem":        filepath.Join(job.Dir, "tsa.certchain.pem"),
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

func TestSigningConfig(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	config, err := root.NewSigningConfigFromPath(job.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	urls := func(services []root.Service) string {
		if len(services) != 1 {
			return fmt.Sprint(services)
		}
		return services[0].URL
	}
	got := []string{
		urls(config.FulcioCertificateAuthorityURLs()), urls(config.OIDCProviderURLs()),
		urls(config.RekorLogURLs()), urls(config.TimestampAuthorityURLs()),
	}
	want := []string{job.FulcioURL, "https://token.actions.githubusercontent.com", job.RekorURL, job.TSAURL}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
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
