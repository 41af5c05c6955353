// Package githubapi is the part of GitHub's REST API that the action calls, for one repository
// and the token of one job. It is as strict as GitHub about the token and its permissions.
//
// https://docs.github.com/rest?apiVersion=2022-11-28
package githubapi

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

const documentation = "https://docs.github.com/rest"

// A Level is what a permission allows. Write includes Read.
type Level string

// The levels of a permission.
const (
	None  Level = "none"
	Read  Level = "read"
	Write Level = "write"
)

// A Service is the API for one job.
type Service struct {
	repository string // owner/name
	token      string

	mu          sync.Mutex
	base        string           // scheme and host, known when the port is open
	permissions map[string]Level // of the token, by name as in a workflow
	lastID      int64
	releases    []*release // in the order of their creation

	verify       func(bundle []byte) (*attestation, error) // see Trust
	attestations []*attestation                            // in the order of their creation
	snapshots    map[string]*snapshot                      // by detector and correlator
}

// New makes the API of a repository, e.g. "acme/demo", and the token of a job that may write.
func New(repository string) *Service {
	return &Service{
		repository:  repository,
		token:       "ghs_" + rand.Text() + "0123456789",
		permissions: map[string]Level{"metadata": Read, "contents": Write, "packages": Write, "attestations": Write, "id-token": Write},
		lastID:      100_000,
		snapshots:   map[string]*snapshot{},
	}
}

// Token is the job's, GITHUB_TOKEN.
func (s *Service) Token() string { return s.token }

// Locate tells the service where it is, which its answers have in them.
func (s *Service) Locate(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = base
}

// Handler serves the API.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	s.route(mux, "GET /repos/{owner}/{repo}", "metadata", Read, s.getRepository)
	s.routeReleases(mux)
	s.routeAttestations(mux)
	s.routeSnapshots(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { write(w, errNotFound.status, errNotFound) })
	return mux
}

// A refusal is the answer to a request that fails.
//
// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
type refusal struct {
	status        int
	Message       string           `json:"message"`
	Errors        []refusedDetails `json:"errors,omitempty"`
	Documentation string           `json:"documentation_url"`
}

type refusedDetails struct {
	Resource string `json:"resource"`
	Code     string `json:"code"`
	Field    string `json:"field"`
}

func (r *refusal) Error() string { return r.Message }

func refuse(status int, message string, details ...refusedDetails) *refusal {
	return &refusal{status: status, Message: message, Errors: details, Documentation: documentation}
}

var (
	errCredentials  = refuse(http.StatusUnauthorized, "Bad credentials")
	errNotFound     = refuse(http.StatusNotFound, "Not Found")
	errNotPermitted = refuse(http.StatusForbidden, "Resource not accessible by integration")
)

// answer is what a request gets that succeeds.
type answer struct {
	status int
	body   any // nil: none
	next   int // page of the list; 0: there is none
}

// route serves a pattern to a token with a permission.
func (s *Service) route(mux *http.ServeMux, pattern, permission string, level Level, serve func(*http.Request) (*answer, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.authorize(r, permission, level)
		var a *answer
		if err == nil {
			a, err = serve(r)
		}
		if err != nil {
			refused, ok := err.(*refusal) //nolint:errorlint // it is ours, and not wrapped
			if !ok {
				refused = refuse(http.StatusInternalServerError, err.Error())
			}
			write(w, refused.status, refused)
			return
		}
		if a.next > 0 {
			query := r.URL.Query()
			query.Set("page", fmt.Sprint(a.next))
			w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, s.base, r.URL.Path, query.Encode()))
		}
		write(w, a.status, a.body)
	})
}

// authorize: what a token may not see is not there for it. s.mu is locked.
func (s *Service) authorize(r *http.Request, permission string, level Level) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme != "Bearer" && scheme != "token" || subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1:
		return errCredentials
	case r.UserAgent() == "":
		return refuse(http.StatusForbidden, "Request forbidden by administrative rules.")
	case r.PathValue("owner")+"/"+r.PathValue("repo") != s.repository || !s.may("metadata", Read):
		return errNotFound
	case !s.may(permission, level):
		return errNotPermitted
	}
	return nil
}

func (s *Service) may(permission string, level Level) bool {
	has := s.permissions[permission]
	return has == level || has == Write
}

func (s *Service) newID() int64 {
	s.lastID++
	return s.lastID
}

func (s *Service) getRepository(*http.Request) (*answer, error) {
	return &answer{status: http.StatusOK, body: map[string]any{"full_name": s.repository}}, nil
}

func write(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
