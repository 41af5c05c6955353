package github_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/github"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

var files = map[string][]byte{"results.json": []byte("{}"), "app-1/linux-amd64.spdx.json": []byte(`{"a":1}`), "b": nil}

func TestUpload(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	j := newJob(s)
	expires := time.Date(2027, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	got, err := github.NewArtifacts(j.options).Upload(t.Context(), github.Upload{Name: "app-1", Files: files, ExpiresAt: expires})
	if err != nil {
		t.Fatal(err)
	}
	want := &attest.Artifact{ID: 4000000001, Name: "app-1", URL: "https://github.com/acme/demo/actions/runs/1/artifacts/4000000001"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("artifact (-want +got):\n%s", diff)
	}
	common := func(method string, more map[string]any) map[string]any {
		call := map[string]any{
			"method": method, "bearer": "Bearer " + j.options.Token.Reveal(), "name": "app-1",
			"workflow_run_backend_id": "run-1", "workflow_job_run_backend_id": "job-1",
		}
		maps.Copy(call, more)
		return call
	}
	calls := []map[string]any{
		common("CreateArtifact", map[string]any{"version": 4.0, "expires_at": "2027-01-02T02:04:05Z"}),
		common("FinalizeArtifact", map[string]any{"size": fmt.Sprint(len(s.content)), "hash": fmt.Sprintf("sha256:%x", sha256.Sum256(s.content))}),
	}
	if diff := cmp.Diff(calls, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := s.headers.Get("Authorization"); got != "" {
		t.Errorf("the storage got the job's token: %s", got)
	}
	if got := unzipped(t, s.content); !cmp.Equal(got, files, cmp.Comparer(bytes.Equal)) {
		t.Errorf("content: %q", got)
	}
	if diff := cmp.Diff([]string{signature, signatureURL}, j.masked); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}
	if strings.Contains(j.log.String(), "sig") {
		t.Errorf("the log has the signature: %s", j.log.String())
	}
}

// The same files make the same bytes, at any time.
func TestUploadIsDeterministic(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var first []byte
	for range 5 {
		if _, err := github.NewArtifacts(newJob(s).options).Upload(t.Context(), github.Upload{Name: "app", Files: files}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = s.content
		}
		if !bytes.Equal(first, s.content) {
			t.Fatal("the archives differ")
		}
	}
}

// What is larger than a block is sent in several, in order.
func TestUploadInBlocks(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	large := make([]byte, 17<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(large)
	if _, err := github.NewArtifacts(newJob(s).options).Upload(t.Context(), github.Upload{Name: "app", Files: map[string][]byte{"large": large}}); err != nil {
		t.Fatal(err)
	}
	if len(s.sizes) != 3 || s.sizes[0] != 8<<20 {
		t.Errorf("blocks of %v bytes", s.sizes)
	}
	if got := unzipped(t, s.content); !bytes.Equal(got["large"], large) {
		t.Error("the content is another one")
	}
}

// act spells the fields as protobuf's JSON does.
func TestOtherSpelling(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.answers["CreateArtifact"] = strings.Replace(s.answers["CreateArtifact"], "signed_upload_url", "signedUploadUrl", 1)
	s.answers["FinalizeArtifact"] = `{"ok":true,"artifactId":7,"unknown":[]}`
	got, err := github.NewArtifacts(newJob(s).options).Upload(t.Context(), github.Upload{Name: "app", Files: files})
	if err != nil || got.ID != 7 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A name that is taken gets job and suffix, unless it is the user's own.
func TestNameIsTaken(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 250)
	s := newServer(t)
	s.taken = []string{"app-1", long}
	for name, want := range map[string]string{"app-1": `^app-1-release-[a-z2-7]{8}$`, long: `^a{233}-release-[a-z2-7]{8}$`} {
		got, err := github.NewArtifacts(newJob(s).options).Upload(t.Context(), github.Upload{Name: name, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).MatchString(got.Name) {
			t.Errorf("name %s, want %s", got.Name, want)
		}
	}
	calls := len(s.calls)
	_, err := github.NewArtifacts(newJob(s).options).Upload(t.Context(), github.Upload{Name: "app-1", Fixed: true, Files: files})
	if problem.From(err).Code != problem.ArtifactFailed || len(s.calls) != calls+1 {
		t.Errorf("%v after %d calls, want a problem after one", err, len(s.calls)-calls)
	}
}

// faults: F63
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*server, *job)
		want   string // in the reason
		calls  int
	}{
		"no URL":            {func(_ *server, j *job) { j.options.ResultsURL = "" }, "names no artifact service", 0},
		"no host":           {func(_ *server, j *job) { j.options.ResultsURL = "results" }, "names no artifact service", 0},
		"no token":          {func(_ *server, j *job) { j.options.Token = secret.String{} }, "names no artifact service", 0},
		"no JWT":            {func(_ *server, j *job) { j.options.Token = secret.New("opaque") }, "no scope Actions.Results", 0},
		"no base64":         {func(_ *server, j *job) { j.options.Token = secret.New("a.!.c") }, "no scope Actions.Results", 0},
		"no JSON":           {func(_ *server, j *job) { j.options.Token = secret.New("a.YQ.c") }, "no scope Actions.Results", 0},
		"no scope":          {func(_ *server, j *job) { j.options.Token = token("Actions.Results:run Other:run:job") }, "no scope Actions.Results", 0},
		"create: no JSON":   {func(s *server, _ *job) { s.answers["CreateArtifact"] = "<html>" }, "makes no sense", 1},
		"create: not ok":    {func(s *server, _ *job) { s.answers["CreateArtifact"] = `{"signed_upload_url":"http://x/"}` }, "makes no sense", 1},
		"create: no URL":    {func(s *server, _ *job) { s.answers["CreateArtifact"] = `{"ok":true}` }, "makes no sense", 1},
		"create: odd URL":   {func(s *server, _ *job) { s.answers["CreateArtifact"] = `{"ok":true,"signed_upload_url":"://?sig=a"}` }, "makes no sense", 1},
		"finalize: no id":   {func(s *server, _ *job) { s.answers["FinalizeArtifact"] = `{"ok":true}` }, "makes no sense", 2},
		"finalize: not ok":  {func(s *server, _ *job) { s.answers["FinalizeArtifact"] = `{"ok":false,"artifact_id":"1"}` }, "makes no sense", 2},
		"finalize: word id": {func(s *server, _ *job) { s.answers["FinalizeArtifact"] = `{"ok":true,"artifact_id":"x"}` }, "makes no sense", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			j := newJob(s)
			tt.change(s, j)
			got, err := github.NewArtifacts(j.options).Upload(t.Context(), github.Upload{Name: "app", Files: files})
			p := problem.From(err)
			if got != nil || p == nil || p.Code != problem.ArtifactFailed || !strings.Contains(p.Why, tt.want) || p.Fix == "" {
				t.Errorf("%+v, %+v, want a reason with %q", got, p, tt.want)
			}
			if len(s.calls) != tt.calls {
				t.Errorf("%d calls, want %d", len(s.calls), tt.calls)
			}
		})
	}
}

// What this job could not close, it has closed before if the list says so.
func TestFinalizeAgain(t *testing.T) {
	t.Parallel()
	const ours, another = `{"name":"app","workflow_job_run_backend_id":"job-1","database_id":"7"}`, `{"name":"app","workflow_job_run_backend_id":"job-2","database_id":"8"}`
	for name, tt := range map[string]struct {
		list string
		want int64 // 0: a problem
	}{
		"ours":           {`{"artifacts":[` + another + `,` + ours + `]}`, 7},
		"other spelling": {`{"artifacts":[{"name":"app","workflowJobRunBackendId":"job-1","databaseId":7}]}`, 7},
		"another job's":  {`{"artifacts":[` + another + `]}`, 0},
		"none":           {`{}`, 0},
		"no list":        {`<html>`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.answers["FinalizeArtifact"], s.answers["ListArtifacts"] = "404", tt.list
			got, err := github.NewArtifacts(newJob(s).options).Upload(t.Context(), github.Upload{Name: "app", Files: files})
			if tt.want == 0 {
				if p := problem.From(err); !strings.Contains(p.Why, "does not take what was uploaded: it answered 404.") {
					t.Errorf("%+v, %+v, want a problem", got, p)
				}
				return
			}
			if err != nil || got.ID != tt.want {
				t.Errorf("%+v, %v, want %d", got, err, tt.want)
			}
		})
	}
}

// No redirect takes the token or the content to another host.
func TestNoRedirect(t *testing.T) {
	t.Parallel()
	s, elsewhere := newServer(t), newServer(t)
	j := newJob(s)
	s.Config.Handler = http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)
	_, err := github.NewArtifacts(j.options).Upload(t.Context(), github.Upload{Name: "app", Files: files})
	if p := problem.From(err); !strings.Contains(p.Why, "answered 307") || len(elsewhere.calls) > 0 {
		t.Errorf("%v; calls elsewhere: %v", err, elsewhere.calls)
	}
}

// The end of the run is no failure of the artifact.
func TestUploadEndsWithContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cause := errors.New("the run was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := github.NewArtifacts(newJob(s).options).Upload(ctx, github.Upload{Name: "app", Files: files}); !errors.Is(err, cause) {
		t.Errorf("%v, want the cause", err)
	}
}

func unzipped(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
