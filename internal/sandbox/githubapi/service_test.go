package githubapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/githubapi"
)

// A scene is the API of one job.
type scene struct {
	service      *githubapi.Service
	api, control *httptest.Server
}

const (
	repo     = "/repos/acme/demo"
	releases = repo + "/releases"
)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{service: githubapi.New("acme/demo")}
	s.api, s.control = httptest.NewServer(s.service.Handler()), httptest.NewServer(s.service.Control())
	t.Cleanup(s.api.Close)
	t.Cleanup(s.control.Close)
	s.service.Locate(s.api.URL)
	return s
}

// send returns status and body; token is the job's if it is empty.
func (s *scene) send(t *testing.T, method, url, token, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token == "" {
		token = s.service.Token()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func (s *scene) ask(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	status, text, _ := s.send(t, method, s.api.URL+path, "", body)
	return status, text
}

func (s *scene) order(t *testing.T, path, body string) string {
	t.Helper()
	status, text, _ := s.send(t, http.MethodPost, s.control.URL+path, "", body)
	if status >= http.StatusBadRequest {
		t.Fatalf("POST %s: %d %s", path, status, text)
	}
	return text
}

func TestUpload(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.order(t, "/github/releases", `{"tag_name":"v1"}`)
	_, text := s.ask(t, http.MethodGet, releases+"/tags/v1", "")
	var release struct {
		ID        int64  `json:"id"`
		UploadURL string `json:"upload_url"`
	}
	if err := json.Unmarshal([]byte(text), &release); err != nil {
		t.Fatal(err)
	}
	to := strings.TrimPrefix(strings.TrimSuffix(release.UploadURL, "{?name,label}"), s.api.URL)
	status, text := s.ask(t, http.MethodPost, to+"?name=.a+b%2Fc.json", "hello")
	const asset = `{"id":100002,"name":"a.b.c.json","state":"uploaded","content_type":"application/json","size":5,"digest":"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}`
	if diff := cmp.Diff(asset+"\n", text); status != http.StatusCreated || diff != "" {
		t.Errorf("%d; asset (-want +got):\n%s", status, diff)
	}
	for name, want := range map[string]int{"a.b.c.json": 422, "..": 422, "new": 201} {
		if got, text := s.ask(t, http.MethodPost, to+"?name="+name, "x"); got != want {
			t.Errorf("%s: %d %s, want %d", name, got, text, want)
		}
	}
	if got, _ := s.ask(t, http.MethodPost, to+"?name=empty", ""); got != http.StatusBadRequest {
		t.Errorf("an empty asset: %d", got)
	}
	if _, content, _ := s.send(t, http.MethodGet, fmt.Sprintf("%s/github/releases/%d/assets/a.b.c.json", s.control.URL, release.ID), "", ""); content != "hello" {
		t.Errorf("content %q", content)
	}
	for _, want := range []int{204, 404} {
		if got, text := s.ask(t, http.MethodDelete, releases+"/assets/100002", ""); got != want {
			t.Errorf("DELETE: %d %s, want %d", got, text, want)
		}
	}
}

// What a token may, by its permissions.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.order(t, "/github/releases", `{"tag_name":"v1","assets":[{"name":"a","content":"x"}]}`)
	s.order(t, "/github/releases", `{"tag_name":"v2","draft":true}`)
	paths := []string{"GET " + repo, "GET " + releases, "GET " + releases + "/tags/v1", "GET " + releases + "/tags/v2", "GET " + releases + "/100003", "DELETE " + releases + "/assets/7", "POST /uploads" + releases + "/100001/assets?name=b", "GET /repos/acme/other"}
	for _, tt := range []struct{ permissions, token, want string }{
		{`{}`, "", "200 200 200 404 200 404 201 404"},
		{`{"contents":"read"}`, "", "200 200 200 404 404 403 403 404"},
		{`{"contents":"none"}`, "", "200 403 403 403 403 403 403 404"},
		{`{"metadata":"none"}`, "", "404 404 404 404 404 404 404 404"},
		{`{"metadata":"read","contents":"write"}`, "other", "401 401 401 401 401 401 401 401"},
	} {
		s.order(t, "/github/permissions", tt.permissions)
		var got []string
		for _, path := range paths {
			method, path, _ := strings.Cut(path, " ")
			status, _, _ := s.send(t, method, s.api.URL+path, tt.token, "x")
			got = append(got, fmt.Sprint(status))
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.permissions, diff)
		}
	}
	for _, order := range []string{`{"content":"read"}`, `{"contents":"all"}`, `[]`} {
		if status, _, _ := s.send(t, http.MethodPost, s.control.URL+"/github/permissions", "", order); status != http.StatusBadRequest {
			t.Errorf("%s: %d", order, status)
		}
	}
}

func TestImmutable(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.order(t, "/github/releases", `{"tag_name":"v1","immutable":true,"assets":[{"name":"a","content":"x"}]}`)
	for _, request := range []string{"POST /uploads" + releases + "/100001/assets?name=b", "DELETE " + releases + "/assets/100002"} {
		method, path, _ := strings.Cut(request, " ")
		if status, text := s.ask(t, method, path, "x"); status != 422 || !strings.Contains(text, "an immutable release.") {
			t.Errorf("%s: %d %s", request, status, text)
		}
	}
}

// Lists come in pages, newest first, and a release does not show what a broken upload has left.
func TestLists(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i := range 35 {
		s.order(t, "/github/releases", fmt.Sprintf(`{"tag_name":"v%d","assets":[{"name":"a","content":"x","no_digest":true},{"name":"b","content":"y","state":"starter"}]}`, i))
	}
	for query, want := range map[string]string{"": "30 v34 2", "?per_page=10&page=4": "5 v4 0", "?per_page=200": "35 v34 0", "?page=9": "0  0"} {
		_, text, header := s.send(t, http.MethodGet, s.api.URL+releases+query, "", "")
		var page []struct {
			Tag    string            `json:"tag_name"`
			Assets []json.RawMessage `json:"assets"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err)
		}
		first, next := "", 0
		if len(page) > 0 {
			first = page[0].Tag
			if len(page[0].Assets) != 1 {
				t.Errorf("assets: %s", page[0].Assets)
			}
		}
		_, _ = fmt.Sscanf(header.Get("Link"), "<"+s.api.URL+releases+"?page=%d>", &next)
		if got := fmt.Sprintf("%d %s %d", len(page), first, next); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	_, text := s.ask(t, http.MethodGet, releases+"/100001/assets", "")
	if strings.Count(text, `"name"`) != 2 || strings.Count(text, "digest") != 1 {
		t.Errorf("assets: %s", text)
	}
}
