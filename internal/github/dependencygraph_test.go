package github_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"seal-image/internal/github"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

func TestSubmitSnapshot(t *testing.T) {
	t.Parallel()
	const path = "POST " + repo + "/dependency-graph/snapshots"
	scan := github.Scan{SHA: strings.Repeat("a", 40), Ref: "refs/heads/main"}
	submit := func(answer string) error {
		return newREST(t, map[string]string{path: answer}).api().SubmitSnapshot(t.Context(), &github.Snapshot{Scan: scan})
	}
	for _, result := range []string{"SUCCESS", "ACCEPTED"} {
		if err := submit(`201 {"id":1,"result":"` + result + `"}`); err != nil {
			t.Errorf("%s: %v", result, err)
		}
	}
	for name, answer := range map[string]string{
		"invalid": `201 {"id":1,"result":"INVALID","message":"no"}`, "new": `201 {"result":"QUEUED"}`, "none": `201 {}`, "text": "201 x", "500": "500 x",
	} {
		if err := submit(answer); problem.From(err).Code != problem.SnapshotFailed || errors.Is(err, github.ErrLacking) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, answer := range map[string]string{
		"no graph": `404 {"message":"The Dependency graph is disabled for this repository.","documentation_url":"x"}`, "no API": notFound,
	} {
		if err := submit(answer); !errors.Is(err, github.ErrLacking) {
			t.Errorf("%s: %v", name, err)
		}
	}

	s := newREST(t, nil)
	scan.Job.Correlator = strings.Repeat("x", 16<<20)
	err := s.api().SubmitSnapshot(t.Context(), &github.Snapshot{Scan: scan})
	if p := problem.From(err); p.Code != problem.SnapshotFailed || !strings.Contains(p.Why, "16.0 MiB") || len(s.asked) != 0 {
		t.Errorf("a snapshot of more than 16 MiB: %v after %v", err, s.asked)
	}
}

// TestPublicAPI: github.com has every API, so what it does not show is not lacking.
func TestPublicAPI(t *testing.T) {
	t.Parallel()
	s := newREST(t, map[string]string{"POST " + repo + "/dependency-graph/snapshots": notFound})
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	toServer := roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = to.Scheme, to.Host
		return http.DefaultTransport.RoundTrip(r)
	})
	api := github.NewAPI(github.APIOptions{URL: "https://api.github.com", Token: secret.New("x"), Repository: "acme/demo", Transport: toServer})
	err = api.SubmitSnapshot(t.Context(), &github.Snapshot{})
	if p := problem.From(err); errors.Is(err, github.ErrLacking) || !strings.Contains(p.Fix, "contents: write") {
		t.Errorf("lacking: %v; %+v", errors.Is(err, github.ErrLacking), p)
	}
}

// TestBlocked: who keeps us from GitHub is named.
func TestBlocked(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	api := github.NewAPI(github.APIOptions{URL: server.URL, Token: secret.New("x"), Repository: "acme/demo", Transport: &http.Transport{}})
	err := api.SubmitSnapshot(t.Context(), &github.Snapshot{})
	if p := problem.From(err); !strings.Contains(p.Why, "an authority that is not trusted") || !strings.Contains(p.Fix, "SSL_CERT_DIR") {
		t.Errorf("%+v", p)
	}
}
