package github_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/github"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

// rest is a REST API that answers as a test wants; the sandbox has one that is strict.
type rest struct {
	*httptest.Server
	answers map[string]string // by method and path: status, space, body; URL stands for the server's

	mu    sync.Mutex
	asked []string
	last  http.Header
}

const (
	repo     = "/repos/acme/demo"
	notFound = `404 {"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`
	theAsset = "content"
)

func newREST(t *testing.T, answers map[string]string) *rest {
	t.Helper()
	s := &rest{answers: map[string]string{
		"GET " + repo:                        `200 {"full_name":"acme/demo"}`,
		"GET " + repo + "/releases/7":        `200 {"id":7,"tag_name":"v1","html_url":"https://github.com/acme/demo/releases/tag/v1","upload_url":"URL/up{?name,label}"}`,
		"GET " + repo + "/releases/7/assets": `200 []`,
		"GET " + repo + "/releases":          `200 []`,
		"POST /up":                           `201 {}`,
	}}
	maps.Copy(s.answers, answers)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *rest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r.Header
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	status, body, _ := strings.Cut(cmp.Or(s.answers[r.Method+" "+r.URL.EscapedPath()], notFound), " ")
	if status == "limited" {
		w.Header().Set("X-Ratelimit-Remaining", "0")
		status = "403"
	}
	var code int
	_, _ = fmt.Sscan(status, &code)
	w.WriteHeader(code)
	_, _ = io.WriteString(w, strings.ReplaceAll(body, "URL", s.URL))
}

// api has no retries: the texts do not depend on them.
func (s *rest) api() *github.API {
	return github.NewAPI(github.APIOptions{URL: s.URL, Token: secret.New("ghs_token"), Repository: "acme/demo", Transport: &http.Transport{}})
}

func (s *rest) attach(t *testing.T, ref github.ReleaseRef) (*attest.Release, error) {
	t.Helper()
	return s.api().AttachToRelease(t.Context(), ref, map[string][]byte{"a.json": []byte(theAsset)})
}

// texts prints a problem as golden files have it.
func texts(name string, err error) string {
	p := problem.From(err)
	return fmt.Sprintf("== %s: %s\n%s\n%s\n%s\n\n", name, p.Code, p.What, p.Why, p.Fix)
}

func TestAttach(t *testing.T) {
	t.Parallel()
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(theAsset)))
	const assets = "GET " + repo + "/releases/7/assets"
	upload := []string{"POST /up?name=a.json"}
	for name, tt := range map[string]struct {
		answers map[string]string
		want    attest.State
		asked   []string // after release and assets
	}{
		"new":         {nil, attest.New, upload},
		"same":        {map[string]string{assets: `200 [{"id":8,"name":"a.json","state":"uploaded","digest":"` + sum + `"}]`}, attest.Existing, nil},
		"another":     {map[string]string{assets: `200 [{"id":8,"name":"a.json","state":"uploaded","digest":"sha256:0"}]`}, attest.Replaced, append([]string{"DELETE " + repo + "/releases/assets/8"}, upload...)},
		"no digest":   {map[string]string{assets: `200 [{"id":8,"name":"a.json","state":"uploaded","size":7}]`}, attest.Replaced, append([]string{"DELETE " + repo + "/releases/assets/8"}, upload...)},
		"half":        {map[string]string{assets: `200 [{"id":8,"name":"a.json","state":"starter","digest":"` + sum + `"}]`}, attest.New, append([]string{"DELETE " + repo + "/releases/assets/8"}, upload...)},
		"other names": {map[string]string{assets: `200 [{"id":8,"name":"b.json","state":"uploaded"}]`}, attest.New, upload},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newREST(t, tt.answers)
			got, err := s.attach(t, github.ReleaseRef{ID: 7, Tag: "v1"})
			if err != nil {
				t.Fatal(err)
			}
			want := &attest.Release{Tag: "v1", URL: "https://github.com/acme/demo/releases/tag/v1", Assets: []attest.Asset{{Name: "a.json", State: tt.want}}}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("release (-want +got):\n%s", diff)
			}
			before := []string{"GET " + repo + "/releases/7", "GET " + repo + "/releases/7/assets?per_page=100&page=1"}
			if diff := gocmp.Diff(append(before, tt.asked...), s.asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// Each request has the token, the version of the API, and what it is.
func TestAPIHeaders(t *testing.T) {
	t.Parallel()
	s := newREST(t, nil)
	if _, err := s.attach(t, github.ReleaseRef{ID: 7}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer ghs_token", "Accept": "application/vnd.github+json", "X-Github-Api-Version": "2022-11-28",
		"Content-Type": "application/json", "Content-Length": fmt.Sprint(len(theAsset)),
	} {
		if got := s.last.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The token goes to the server's own hosts alone.
func TestUploadHost(t *testing.T) {
	t.Parallel()
	for upload, allowed := range map[string]bool{
		"https://api.github.com https://uploads.github.com/repos":         true,
		"https://api.github.com https://api.github.com/repos":             true,
		"https://api.acme.ghe.com https://uploads.acme.ghe.com/repos":     true,
		"https://ghe.acme.dev/api/v3 https://ghe.acme.dev/api/uploads":    true,
		"https://api.github.com https://uploads.github.com.evil.dev/":     false,
		"https://api.github.com https://evil.dev/uploads.github.com":      false,
		"https://api.github.com https://uploads.acme.ghe.com/repos":       false,
		"https://api.github.com http://uploads.github.com/repos":          false,
		"https://api.github.com https://uploads.github.com@evil.dev/":     false,
		"https://api.github.com https://user:pass@uploads.github.com/":    false,
		"https://ghe.acme.dev/api/v3 https://uploads.ghe.acme.dev/":       false,
		"https://ghe.acme.dev/api/v3 https://ghe.acme.dev:8443/":          false,
		"https://api.github.com ":                                         false,
		"https://api.github.com https://uploads.github.com:443/?a=%zz{?x": false,
	} {
		t.Run(upload, func(t *testing.T) {
			t.Parallel()
			api, to, _ := strings.Cut(upload, " ")
			var posted []string
			base := roundTripper(func(r *http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				if r.Method == http.MethodPost {
					posted = append(posted, r.URL.Scheme+"://"+r.URL.Host)
					w.WriteHeader(http.StatusCreated)
				}
				body := "[]"
				if strings.HasSuffix(r.URL.Path, "/releases/7") {
					body = fmt.Sprintf(`{"id":7,"upload_url":%q}`, to+"{?name,label}")
				}
				_, _ = w.WriteString(body)
				return w.Result(), nil
			})
			_, err := github.NewAPI(github.APIOptions{URL: api, Token: secret.New("x"), Repository: "acme/demo", Transport: base}).
				AttachToRelease(t.Context(), github.ReleaseRef{ID: 7}, map[string][]byte{"a": []byte("a")})
			if (err == nil) != allowed || (len(posted) > 0) != allowed {
				t.Errorf("allowed: %v, error: %v, posted to %v", allowed, err, posted)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Every text about a release. Each ends with what became of the image.
func TestReleaseErrors(t *testing.T) {
	t.Parallel()
	const release = "GET " + repo + "/releases/7"
	const post = "POST /up"
	upload := `{"id":7,"tag_name":"v1","upload_url":"%s{?name,label}","immutable":%v}`
	invalid := func(errs string) string {
		return `422 {"message":"Validation Failed","errors":[` + errs + `],"documentation_url":"https://docs.github.com/rest"}`
	}
	cases := map[string]map[string]string{
		"401":                 {release: `401 {"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}`},
		"403":                 {post: `403 {"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest"}`},
		"403-limit":           {release: `403 {"message":"API rate limit exceeded for installation ID 1.","documentation_url":"https://docs.github.com/rest"}`},
		"403-limit-by-header": {release: `limited {"message":"You have to wait."}`},
		"404-release":         {release: notFound},
		"404-repository":      {release: notFound, "GET " + repo + "/releases": notFound, "GET " + repo: notFound},
		"404-no-releases":     {release: notFound, "GET " + repo + "/releases": notFound},
		"404-no-api":          {release: `404 page not found`, "GET " + repo + "/releases": `404 page not found`, "GET " + repo: `404 page not found`},
		"404-upload":          {post: notFound},
		"409":                 {post: `409 {"message":"Conflict"}`},
		"422":                 {post: invalid(`{"resource":"ReleaseAsset","code":"missing_field","field":"name"},{"code":"custom","message":"size must be less than 2 GiB"},"odd",7`)},
		"422-taken":           {post: invalid(`{"resource":"ReleaseAsset","code":"already_exists","field":"name"}`)},
		"422-immutable":       {post: `422 {"message":"Cannot upload assets to an immutable release.","documentation_url":"https://docs.github.com/rest"}`},
		"immutable":           {release: "200 " + fmt.Sprintf(upload, "URL/up", true)},
		"429":                 {release: `429 {"message":"You have exceeded a secondary rate limit."}`},
		"500":                 {post: `500 `},
		"503":                 {release: `503 <html>::error::down</html>`},
		"301":                 {release: `301 {"message":"Moved Permanently"}`},
		"no-json":             {release: `200 <html>`},
		"other-host":          {release: "200 " + fmt.Sprintf(upload, "https://evil.dev/up", false)},
		"odd-host":            {release: "200 " + fmt.Sprintf(upload, "http://a b/", false)},
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		s := newREST(t, cases[name])
		got, err := s.attach(t, github.ReleaseRef{ID: 7, Tag: "v1"})
		if err == nil || got != nil && len(got.Assets) > 0 {
			t.Errorf("%s: %+v, want an error", name, got)
			continue
		}
		if lacking := strings.HasPrefix(name, "404-no-"); errors.Is(err, github.ErrLacking) != lacking {
			t.Errorf("%s: lacking is not %v: %v", name, lacking, err)
		}
		all.WriteString(texts(name, err))
	}
	s := newREST(t, nil)
	_, err := s.attach(t, github.ReleaseRef{Tag: "v1"})
	all.WriteString(texts("tag-without-release", err))
	golden.Compare(t, "release-errors.txt", all.String())
}

// A server that is not there.
func TestAPINotReached(t *testing.T) {
	t.Parallel()
	s := newREST(t, nil)
	s.Close()
	_, err := s.attach(t, github.ReleaseRef{ID: 7})
	if p := problem.From(err); p.Code != problem.ReleaseFailed || !strings.HasPrefix(p.Why, "GitHub's API was not reached: ") {
		t.Errorf("%+v", p)
	}
}

// No redirect takes the token elsewhere.
func TestAPIRedirect(t *testing.T) {
	t.Parallel()
	s, elsewhere := newREST(t, nil), newREST(t, nil)
	s.Config.Handler = http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)
	_, err := s.attach(t, github.ReleaseRef{ID: 7})
	if p := problem.From(err); !strings.Contains(p.Why, "answered 307") || len(elsewhere.asked) > 0 {
		t.Errorf("%v; asked elsewhere: %v", err, elsewhere.asked)
	}
}

// The end of the run is no failure of the release.
func TestAttachEndsWithContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("the run was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := newREST(t, nil).api().AttachToRelease(ctx, github.ReleaseRef{ID: 7}, nil); !errors.Is(err, cause) {
		t.Errorf("%v, want the cause", err)
	}
}
