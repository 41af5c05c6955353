package githubapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

const orderLimit = 64 << 10 // bytes

// Control is for tests: it makes releases as their owner would, lists them one a line, hands out
// the content of their assets, lists attestations and snapshots, and changes the permissions of
// the job's token.
func (s *Service) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /github/permissions", s.setPermissions)
	mux.HandleFunc("POST /github/releases", s.makeRelease)
	mux.HandleFunc("GET /github/releases", s.showReleases)
	mux.HandleFunc("GET /github/releases/{id}/assets/{name}", s.showAsset)
	mux.HandleFunc("GET /github/attestations", s.showAttestations)
	mux.HandleFunc("GET /github/snapshots", s.showSnapshots)
	return mux
}

// setPermissions changes the permissions that it names, as {"contents":"read"}. Without metadata
// the token does not see the repository.
func (s *Service) setPermissions(w http.ResponseWriter, r *http.Request) {
	var order map[string]Level
	if err := parse(r.Body, &order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, level := range order {
		if _, ok := s.permissions[name]; !ok || level != None && level != Read && level != Write {
			http.Error(w, fmt.Sprintf("unknown permission %s: %s", name, level), http.StatusBadRequest)
			return
		}
		s.permissions[name] = level
	}
	w.WriteHeader(http.StatusNoContent)
}

// A releaseOrder is a release to be.
type releaseOrder struct {
	Tag       string       `json:"tag_name"`
	Draft     bool         `json:"draft"`
	Immutable bool         `json:"immutable"`
	UploadURL string       `json:"upload_url"` // empty: as GitHub has it
	Assets    []assetOrder `json:"assets"`
}

type assetOrder struct {
	Name     string `json:"name"`
	State    string `json:"state"` // empty: uploaded
	Content  string `json:"content"`
	NoDigest bool   `json:"no_digest"` // as older servers say it
}

func (s *Service) makeRelease(w http.ResponseWriter, r *http.Request) {
	var order releaseOrder
	if err := parse(r.Body, &order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := &release{
		ID: s.newID(), Tag: order.Tag, Draft: order.Draft, Immutable: order.Immutable, UploadURL: order.UploadURL,
		HTMLURL: "https://github.com/" + s.repository + "/releases/tag/" + order.Tag, Assets: []*asset{},
	}
	if made.UploadURL == "" {
		made.UploadURL = fmt.Sprintf("%s/uploads/repos/%s/releases/%d/assets{?name,label}", s.base, s.repository, made.ID)
	}
	for _, o := range order.Assets {
		a := s.newAsset(o.Name, []byte(o.Content))
		if o.State != "" {
			a.State = o.State
		}
		if o.NoDigest {
			a.Digest = ""
		}
		made.Assets = append(made.Assets, a)
	}
	s.releases = append(s.releases, made)
	write(w, http.StatusCreated, made)
}

func (s *Service) showReleases(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	show(w, s.releases)
}

func (s *Service) showAttestations(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	show(w, s.attestations)
}

func (s *Service) showSnapshots(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sorted []*snapshot
	for _, key := range slices.Sorted(maps.Keys(s.snapshots)) {
		sorted = append(sorted, s.snapshots[key])
	}
	show(w, sorted)
}

// show writes one a line.
func show[T any](w http.ResponseWriter, all []T) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	for _, one := range all {
		if err := lines.Encode(one); err != nil {
			return // the client has gone
		}
	}
}

func (s *Service) showAsset(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.releases {
		for _, a := range of.Assets {
			if strconv.FormatInt(of.ID, 10) == r.PathValue("id") && a.Name == r.PathValue("name") {
				w.Header().Set("Content-Type", a.ContentType)
				_, _ = w.Write(a.content) // the client may have gone
				return
			}
		}
	}
	http.Error(w, "no such asset", http.StatusNotFound)
}

func parse(body io.Reader, order any) error {
	decoder := json.NewDecoder(io.LimitReader(body, orderLimit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(order); err != nil {
		return fmt.Errorf("parse order: %w", err)
	}
	return nil
}
