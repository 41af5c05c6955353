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
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/root"

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
	if shared, err = stack.Start(context.Background(), stack.Options{Dir: dir}); err != nil {
		return 0, err
	}
	code = m.Run()
	if err := shared.Close(); err != nil {
		return 0, err
	}
	return code, awaitEnd("/tessera")
}

// awaitEnd waits until no goroutine runs code of a module any more.
func awaitEnd(module string) error {
	var stacks strings.Builder
	for range 100 {
		stacks.Reset()
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
			return err
		}
		if !strings.Contains(stacks.String(), module) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the stack is closed, and %s goes on to work:\n%s", module, stacks.String())
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
	status, _, content := exchange(t, method, url, bearer, body)
	return status, content
}

func exchange(t *testing.T, method, url, bearer, body string) (int, http.Header, []byte) {
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
	return resp.StatusCode, resp.Header, content
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
	if _, err := stack.Start(t.Context(), stack.Options{Dir: t.TempDir()}); err == nil {
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

func TestSigningConfig(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	v1, v2 := "1 "+job.RekorURL, "2 "+job.RekorV2URL
	for path, logs := range map[string][]string{
		job.SigningConfig:        {v1},
		job.SigningConfigV2:      {v2, v1},
		job.SigningConfigV2Alone: {v2},
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			config, err := root.NewSigningConfigFromPath(path)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, services := range [][]root.Service{
				config.FulcioCertificateAuthorityURLs(), config.OIDCProviderURLs(),
				config.TimestampAuthorityURLs(), config.RekorLogURLs(),
			} {
				for _, service := range services {
					got = append(got, fmt.Sprint(service.MajorAPIVersion, " ", service.URL))
				}
			}
			want := append([]string{"1 " + job.FulcioURL, "1 https://token.actions.githubusercontent.com", "1 " + job.TSAURL}, logs...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("services (-want +got):\n%s", diff)
			}
		})
	}
}
