package github_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"seal-image/internal/github"
	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

// server is an artifact service and its storage. The sandbox has one that is strict; this one
// answers as a test wants.
type server struct {
	*httptest.Server
	answers map[string]string // by method; a number is a status
	taken   []string          // names

	mu      sync.Mutex
	calls   []map[string]any
	blocks  map[string][]byte
	content []byte // after the list
	sizes   []int  // of the blocks
	headers http.Header
}

const (
	signature    = "c2ln+/?="
	signatureURL = "c2ln%2B%2F%3F%3D"
)

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{answers: map[string]string{}, blocks: map[string][]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /twirp/github.actions.results.api.v1.ArtifactService/{method}", s.twirp)
	mux.HandleFunc("PUT /blob", s.put)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	s.answers["CreateArtifact"] = `{"ok":true,"signed_upload_url":"` + s.URL + `/blob?sig=` + signatureURL + `&sv=1"}`
	s.answers["FinalizeArtifact"] = `{"ok":true,"artifact_id":"4000000001"}`
	return s
}

func (s *server) twirp(w http.ResponseWriter, r *http.Request) {
	var call map[string]any
	_ = json.NewDecoder(r.Body).Decode(&call)
	call["method"], call["bearer"] = r.PathValue("method"), r.Header.Get("Authorization")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	for _, name := range s.taken {
		if call["name"] == name {
			w.WriteHeader(http.StatusConflict)
			return
		}
	}
	text := s.answers[r.PathValue("method")]
	if status, err := strconv.Atoi(text); err == nil {
		w.WriteHeader(status)
		return
	}
	_, _ = io.WriteString(w, text)
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers = r.Header
	switch {
	case query.Get("sig") != signature:
		w.WriteHeader(http.StatusForbidden)
	case query.Get("comp") == "block":
		s.blocks[query.Get("blockid")] = body
		s.sizes = append(s.sizes, len(body))
		w.WriteHeader(http.StatusCreated)
	default:
		var list struct {
			Latest []string `xml:"Latest"`
		}
		_ = xml.Unmarshal(body, &list)
		s.content = []byte{}
		for _, id := range list.Latest {
			s.content = append(s.content, s.blocks[id]...)
		}
		w.WriteHeader(http.StatusCreated)
	}
}

// job is what an upload needs, and what it leaves.
type job struct {
	options github.Options
	masked  []string
	log     strings.Builder
}

func newJob(s *server) *job {
	j := &job{}
	log := slog.New(slog.NewTextHandler(&j.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	j.options = github.Options{
		ResultsURL: s.URL + "/ignored/path", Token: token("Actions.ExternalRead:1 Actions.Results:run-1:job-1"),
		RunURL: "https://github.com/acme/demo/actions/runs/1", Job: "release",
		Transport: transport.New(transport.Options{Log: log}),
		Mask: func(secrets ...secret.String) {
			for _, s := range secrets {
				j.masked = append(j.masked, s.Reveal())
			}
		},
	}
	return j
}

// token is a JWT that nobody has signed.
func token(scopes string) secret.String {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return secret.New(encode(`{"alg":"RS256"}`) + "." + encode(fmt.Sprintf(`{"scp":%q}`, scopes)) + ".c2ln")
}
