package artifact

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Control lists the artifacts that were closed, one a line, and hands out their content.
func (s *Service) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /artifacts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		lines := json.NewEncoder(w)
		for _, a := range s.closed() {
			if err := lines.Encode(a); err != nil {
				return // the client has gone
			}
		}
	})
	mux.HandleFunc("GET /artifacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, a := range s.closed() {
			if strconv.FormatInt(a.ID, 10) == r.PathValue("id") {
				content, _ := a.blob.stored()
				w.Header().Set("Content-Type", "application/zip")
				_, _ = w.Write(content) // the client may have gone
				return
			}
		}
		http.Error(w, "no such artifact", http.StatusNotFound)
	})
	return mux
}

func (s *Service) closed() []Artifact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Artifact
	for _, a := range s.artifacts {
		if a.ID != 0 {
			out = append(out, *a)
		}
	}
	return out
}
