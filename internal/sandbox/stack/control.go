package stack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"seal-image/internal/sandbox/artifact"
	"seal-image/internal/sandbox/front"
	"seal-image/internal/sandbox/githubapi"
	"seal-image/internal/sandbox/tuf"
)

const orderLimit = 1 << 10 // bytes

// control serves a job's requests and faults, what GitHub has of it, makes its TUF repository bad
// and good again, and makes more jobs.
func (s *Stack) control(f *front.Front, repository *tuf.Repository, artifacts *artifact.Service, api *githubapi.Service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", f.Control())
	mux.Handle("/artifacts", artifacts.Control())
	mux.Handle("/artifacts/", artifacts.Control())
	mux.Handle("/github/", api.Control())
	mux.HandleFunc("POST /jobs", s.serveJob)
	mux.HandleFunc("POST /tuf", func(w http.ResponseWriter, r *http.Request) {
		if err := setState(repository, http.MaxBytesReader(w, r.Body, orderLimit)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func setState(repository *tuf.Repository, r io.Reader) error {
	var order struct {
		State tuf.State `json:"state"`
	}
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		return fmt.Errorf("parse state: %w", err)
	}
	return repository.SetState(order.State)
}

func (s *Stack) serveJob(w http.ResponseWriter, r *http.Request) {
	job, err := s.NewJob(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(job) // the client may have gone
}
