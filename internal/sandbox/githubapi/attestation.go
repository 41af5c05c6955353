package githubapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/klauspost/compress/snappy"
)

const predicateLimit = 16 << 20 // bytes

// An attestation is a bundle that is stored.
//
// https://docs.github.com/rest/repos/attestations
type attestation struct {
	ID            int64           `json:"id"`
	Digest        string          `json:"digest"` // of the subject, sha256:...
	PredicateType string          `json:"predicate_type"`
	Bundle        json.RawMessage `json:"bundle"`
}

func (s *Service) routeAttestations(mux *http.ServeMux) {
	const attestations = "/repos/{owner}/{repo}/attestations"
	s.route(mux, "POST "+attestations, "attestations", Write, s.createAttestation)
	s.route(mux, "GET "+attestations+"/{digest}", "attestations", Read, s.listAttestations)
	mux.HandleFunc("GET /blobs/attestations/{id}", s.serveBundle)
}

// createAttestation stores a bundle, also one that is stored already.
func (s *Service) createAttestation(r *http.Request) (*answer, error) {
	var body struct {
		Bundle json.RawMessage `json:"bundle"`
	}
	if err := strict(r, &body); err != nil {
		return nil, err
	}
	if s.verify == nil {
		return nil, fmt.Errorf("no trust root")
	}
	made, err := s.verify(body.Bundle)
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid bundle: "+err.Error())
	}
	made.ID, made.Bundle = s.newID(), body.Bundle
	s.attestations = append(s.attestations, made)
	return &answer{status: http.StatusCreated, body: map[string]any{"id": made.ID}}, nil
}

// listAttestations has the newest first. As on GitHub, it has no ids, and the bundles are
// elsewhere.
func (s *Service) listAttestations(r *http.Request) (*answer, error) {
	list := []map[string]any{}
	for _, a := range slices.Backward(s.attestations) {
		if a.Digest == r.PathValue("digest") {
			list = append(list, map[string]any{
				"repository_id": 74, "initiator": "user", "bundle": nil,
				"bundle_url": fmt.Sprintf("%s/blobs/attestations/%d?%s", s.base, a.ID, url.Values{"sig": {blobSignature}}.Encode()),
			})
		}
	}
	return &answer{status: http.StatusOK, body: map[string]any{"attestations": list}}, nil
}

// blobSignature is a credential that stands in the URL of a bundle.
const blobSignature = "YmxvYi+/c2lnbmF0dXJl"

// serveBundle is the storage of bundles: it has the signature in the URL for a credential, and
// takes no other.
func (s *Service) serveBundle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Query().Get("sig") != blobSignature || r.Header.Get("Authorization") != "" {
		http.Error(w, "AuthenticationFailed", http.StatusForbidden)
		return
	}
	for _, a := range s.attestations {
		if fmt.Sprint(a.ID) == r.PathValue("id") {
			w.Header().Set("Content-Type", "application/x-snappy")
			_, _ = w.Write(snappy.Encode(nil, a.Bundle)) // the client may have gone
			return
		}
	}
	http.Error(w, "BlobNotFound", http.StatusNotFound)
}
