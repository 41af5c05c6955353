package stack

import (
	"encoding/json"
	"net/http"

	"seal-image/internal/sandbox/front"
)

// control serves a job's requests and faults, and makes more jobs.
func (s *Stack) control(f *front.Front) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", f.Control())
	mux.HandleFunc("POST /jobs", s.serveJob)
	return mux
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
