package artifact_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/artifact"
)

// A scene is the service of one run, and the tokens of two of its jobs.
type scene struct {
	run                     artifact.Run
	twirp, storage, control *httptest.Server
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{run: artifact.NewRun()}
	service := artifact.New(s.run, func(token string) ([]string, error) {
		switch token {
		case "job":
			return []string{"Other", s.run.Scope()}, nil
		case "job-2":
			return []string{artifact.Run{ID: s.run.ID, Job: "job-2"}.Scope()}, nil
		}
		return nil, errors.New("unknown token")
	})
	start := func(h http.Handler) *httptest.Server {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server
	}
	s.storage = start(service.Storage())
	s.twirp = start(service.Twirp(s.storage.URL))
	s.control = start(service.Control())
	return s
}

// call asks a method of the service and returns the status and the answer.
func (s *scene) call(t *testing.T, token, method string, fields map[string]any) (int, map[string]any) {
	t.Helper()
	all := map[string]any{"workflow_run_backend_id": s.run.ID, "workflow_job_run_backend_id": s.run.Job}
	maps.Copy(all, fields)
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	status, text := send(t, http.MethodPost, s.twirp.URL+"/twirp/github.actions.results.api.v1.ArtifactService/"+method, string(body), header)
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return status, answer
}

// create opens an artifact and returns its signed URL.
func (s *scene) create(t *testing.T, name string) string {
	t.Helper()
	status, answer := s.call(t, "job", "CreateArtifact", map[string]any{"name": name, "version": 4})
	if status != http.StatusOK {
		t.Fatalf("CreateArtifact: %d %v", status, answer)
	}
	return fmt.Sprint(answer["signed_upload_url"])
}

func send(t *testing.T, method, url, body string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func put(t *testing.T, url, body string) int {
	t.Helper()
	status, _ := send(t, http.MethodPut, url, body, http.Header{"X-Ms-Version": {"2021-12-02"}})
	return status
}

func blockID(text string) string { return base64.URLEncoding.EncodeToString([]byte(text)) }

func TestArtifact(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	url := s.create(t, "sbom")
	for id, content := range map[string]string{"1": "hello ", "2": "world", "3": "left out"} {
		if got := put(t, url+"&comp=block&blockid="+blockID(id), content); got != http.StatusCreated {
			t.Fatalf("Put Block: %d", got)
		}
	}
	list := "<BlockList><Latest>" + blockID("1") + "</Latest><Latest>" + blockID("2") + "</Latest></BlockList>"
	if got := put(t, url+"&comp=blocklist", list); got != http.StatusCreated {
		t.Fatalf("Put Block List: %d", got)
	}
	if _, text := send(t, http.MethodGet, s.control.URL+"/artifacts", "", nil); text != "" {
		t.Errorf("artifacts before the end: %s", text)
	}
	const hash = "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
	for want, fields := range map[int]map[string]any{
		http.StatusNotFound:   {"name": "other", "size": "11", "hash": hash},
		http.StatusBadRequest: {"name": "sbom", "size": "12", "hash": hash},
	} {
		if got, answer := s.call(t, "job", "FinalizeArtifact", fields); got != want {
			t.Errorf("FinalizeArtifact %v: %d %v, want %d", fields, got, answer, want)
		}
	}
	status, answer := s.call(t, "job", "FinalizeArtifact", map[string]any{"name": "sbom", "size": "11", "hash": hash})
	if diff := cmp.Diff(map[string]any{"ok": true, "artifact_id": "4000000001"}, answer); status != http.StatusOK || diff != "" {
		t.Fatalf("FinalizeArtifact: %d (-want +got):\n%s", status, diff)
	}
	if _, text := send(t, http.MethodGet, s.control.URL+"/artifacts", "", nil); text != `{"id":4000000001,"name":"sbom","size":11,"hash":"`+hash+"\"}\n" {
		t.Errorf("artifacts: %s", text)
	}
	for filter, want := range map[string]int{"": 1, "sbom": 1, "other": 0} {
		_, answer := s.call(t, "job-2", "ListArtifacts", map[string]any{"workflow_job_run_backend_id": "job-2", "name_filter": filter})
		if got, ok := answer["artifacts"].([]any); !ok || len(got) != want {
			t.Errorf("ListArtifacts of %q: %v, want %d", filter, answer, want)
		}
	}
	if _, text := send(t, http.MethodGet, s.control.URL+"/artifacts/4000000001", "", nil); text != "hello world" {
		t.Errorf("content: %s", text)
	}
}

func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.create(t, "taken")
	for name, tt := range map[string]struct {
		token, method string
		fields        map[string]any
		status        int
		code          string
	}{
		"unknown token": {"x", "CreateArtifact", map[string]any{"name": "a", "version": 4}, 401, "unauthenticated"},
		"other job":     {"job-2", "CreateArtifact", map[string]any{"name": "a", "version": 4}, 403, "permission_denied"},
		"other run":     {"job", "CreateArtifact", map[string]any{"name": "a", "version": 4, "workflow_run_backend_id": "x"}, 403, "permission_denied"},
		"taken":         {"job", "CreateArtifact", map[string]any{"name": "taken", "version": 4}, 409, "already_exists"},
		"illegal name":  {"job", "CreateArtifact", map[string]any{"name": "a/b", "version": 4}, 400, "invalid_argument"},
		"old version":   {"job", "CreateArtifact", map[string]any{"name": "a", "version": 3}, 400, "invalid_argument"},
		"past":          {"job", "CreateArtifact", map[string]any{"name": "a", "version": 4, "expires_at": "2020-01-01T00:00:00Z"}, 400, "invalid_argument"},
		"unknown field": {"job", "CreateArtifact", map[string]any{"name": "a", "version": 4, "mime_type": "x"}, 400, "malformed"},
		"not uploaded":  {"job", "FinalizeArtifact", map[string]any{"name": "taken", "size": "0"}, 412, "failed_precondition"},
		"not its job":   {"job-2", "FinalizeArtifact", map[string]any{"name": "taken", "workflow_job_run_backend_id": "job-2"}, 404, "not_found"},
		"no method":     {"job", "Other", nil, 404, "bad_route"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := s.call(t, tt.token, tt.method, tt.fields)
			if status != tt.status || answer["code"] != tt.code {
				t.Errorf("%d %v, want %d %s", status, answer, tt.status, tt.code)
			}
		})
	}
}

func TestRefusedUploads(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	url := s.create(t, "sbom")
	if got := put(t, url+"&comp=block&blockid="+blockID("1"), "a"); got != http.StatusCreated {
		t.Fatalf("Put Block: %d", got)
	}
	version := http.Header{"X-Ms-Version": {"2021-12-02"}}
	for name, tt := range map[string]struct {
		method, url, body string
		header            http.Header
		status            int
	}{
		"no signature":     {http.MethodPut, strings.Split(url, "?")[0] + "?comp=block&blockid=" + blockID("2"), "a", version, 403},
		"other path":       {http.MethodPut, strings.Replace(url, ".zip", "", 1), "a", version, 403},
		"a token":          {http.MethodPut, url + "&comp=block&blockid=" + blockID("2"), "a", http.Header{"Authorization": {"Bearer job"}}, 400},
		"read":             {http.MethodGet, url, "", version, 403},
		"no version":       {http.MethodPut, url + "&comp=block&blockid=" + blockID("2"), "a", nil, 400},
		"id of any length": {http.MethodPut, url + "&comp=block&blockid=" + blockID("block 2"), "a", version, 400},
		"id not base64":    {http.MethodPut, url + "&comp=block&blockid=!!!!", "a", version, 400},
		"list not XML":     {http.MethodPut, url + "&comp=blocklist", "{}", version, 400},
		"unknown block":    {http.MethodPut, url + "&comp=blocklist", "<BlockList><Latest>x</Latest></BlockList>", version, 400},
		"Put Blob":         {http.MethodPut, url, "a", version, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, text := send(t, tt.method, tt.url, tt.body, tt.header); got != tt.status {
				t.Errorf("%d %s, want %d", got, text, tt.status)
			}
		})
	}
}
