package artifact

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	servicePath = "/twirp/github.actions.results.api.v1.ArtifactService/"
	callLimit   = 1 << 20 // bytes
	oldest      = 4       // version of the protocol
)

// A call is what the methods are sent. Fields that are unknown are refused, as by act.
type call struct {
	RunID     string     `json:"workflow_run_backend_id"`
	JobID     string     `json:"workflow_job_run_backend_id"`
	Name      string     `json:"name"`
	Version   int        `json:"version"`
	ExpiresAt *time.Time `json:"expires_at"`
	Size      string     `json:"size"`
	Hash      string     `json:"hash"`
	Filter    string     `json:"name_filter"`
}

// A twirpError is the answer to a call that failed.
//
// https://twitchtv.github.io/twirp/docs/spec_v7.html#error-codes
type twirpError struct {
	status int
	Code   string `json:"code"`
	Msg    string `json:"msg"`
}

func (e *twirpError) Error() string { return e.Code + ": " + e.Msg }

// Twirp serves the methods. Their signed URLs lead to blob storage at base.
func (s *Service) Twirp(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+servicePath+"CreateArtifact", s.method(func(c call) (any, error) { return s.create(base, c) }))
	mux.HandleFunc("POST "+servicePath+"FinalizeArtifact", s.method(s.finalize))
	mux.HandleFunc("POST "+servicePath+"ListArtifacts", s.method(s.list))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, &twirpError{http.StatusNotFound, "bad_route", "no handler for path " + r.URL.Path})
	})
	return mux
}

// method authorizes and parses a call.
func (s *Service) method(serve func(call) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, callLimit))
		decoder.DisallowUnknownFields()
		var c call
		err := decoder.Decode(&c)
		if err != nil || r.Header.Get("Content-Type") != "application/json" {
			refuse(w, &twirpError{http.StatusBadRequest, "malformed", fmt.Sprint("the request is not understood: ", err)})
			return
		}
		if err := s.authorize(r, c); err != nil {
			refuse(w, err)
			return
		}
		answer, err := serve(c)
		if err != nil {
			refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// authorize compares the ids of the call with those of the token.
func (s *Service) authorize(r *http.Request, c call) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	scopes, err := s.scopes(token)
	if !ok || err != nil {
		return &twirpError{http.StatusUnauthorized, "unauthenticated", "invalid token"}
	}
	if c.RunID != s.run.ID || !slices.Contains(scopes, Run{ID: c.RunID, Job: c.JobID}.Scope()) {
		return &twirpError{http.StatusForbidden, "permission_denied", "the token is not for this run and job"}
	}
	return nil
}

func (s *Service) create(base string, c call) (any, error) {
	switch {
	case c.Version < oldest:
		return nil, invalid("version %d is too old", c.Version)
	case !legal(c.Name):
		return nil, invalid("the artifact name %q is not valid", c.Name)
	case c.ExpiresAt != nil && c.ExpiresAt.Before(time.Now()):
		return nil, invalid("expires_at is in the past")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(c.Name) != nil {
		return nil, &twirpError{http.StatusConflict, "already_exists", "an artifact with this name already exists on the workflow run"}
	}
	a := &Artifact{Name: c.Name, ExpiresAt: c.ExpiresAt, job: c.JobID, blob: newBlob(s.run)}
	s.artifacts = append(s.artifacts, a)
	return map[string]any{"ok": true, "signed_upload_url": base + a.blob.url()}, nil
}

func (s *Service) finalize(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(c.Name)
	if a == nil || a.job != c.JobID || a.ID != 0 {
		return nil, &twirpError{http.StatusNotFound, "not_found", "this job has opened no such artifact"}
	}
	content, ok := a.blob.stored()
	switch {
	case !ok:
		return nil, &twirpError{http.StatusPreconditionFailed, "failed_precondition", "nothing was uploaded"}
	case c.Size != strconv.Itoa(len(content)):
		return nil, invalid("size is %s, and %d bytes were uploaded", c.Size, len(content))
	case c.Hash != hash(content):
		return nil, invalid("hash is %s, and %s was uploaded", c.Hash, hash(content))
	}
	s.lastID++
	a.ID, a.Size, a.Hash = s.lastID, len(content), c.Hash
	return map[string]any{"ok": true, "artifact_id": strconv.FormatInt(a.ID, 10)}, nil
}

// list has the artifacts of the run that are closed.
func (s *Service) list(c call) (any, error) {
	artifacts := []map[string]any{}
	for _, a := range s.closed() {
		if c.Filter == "" || c.Filter == a.Name {
			artifacts = append(artifacts, map[string]any{
				"workflow_run_backend_id": s.run.ID, "workflow_job_run_backend_id": a.job,
				"database_id": strconv.FormatInt(a.ID, 10), "name": a.Name, "size": strconv.Itoa(a.Size), "digest": a.Hash,
			})
		}
	}
	return map[string]any{"artifacts": artifacts}, nil
}

func invalid(format string, args ...any) error {
	return &twirpError{http.StatusBadRequest, "invalid_argument", fmt.Sprintf(format, args...)}
}

func refuse(w http.ResponseWriter, err error) {
	e, ok := err.(*twirpError) //nolint:errorlint // it is ours, and not wrapped
	if !ok {
		e = &twirpError{http.StatusInternalServerError, "internal", err.Error()}
	}
	writeJSON(w, e.status, e)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
