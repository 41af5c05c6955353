// Package registry is go-containerregistry's registry in memory, brought closer to the ones that
// images are pushed to: it has the referrers API of OCI 1.1 or does not, checks what a manifest
// refers to, lets an upload be cancelled, and can ask for a login. Registries with the quirk of a
// known one bear its name; they have that one quirk, and nothing else of it. One registry is not
// made here: the distribution project's.
//
// It does not keep the blobs of its repositories apart.
package registry

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A Registry serves the OCI distribution API.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
type Registry struct {
	inner     http.Handler
	blobs     *store
	referrers *referrers // nil without the API
}

// New makes an empty registry without the referrers API.
func New() *Registry {
	blobs := newStore()
	inner := registry.New(registry.WithBlobHandler(blobs), registry.Logger(log.New(io.Discard, "", 0)))
	return &Registry{inner: inner, blobs: blobs}
}

// NewWithReferrers makes an empty registry with the referrers API.
func NewWithReferrers() *Registry {
	r := New()
	r.referrers = &referrers{}
	return r
}

// Stock adds the blobs of the OCI layouts that are folders of dir, as if they had been pushed.
func (r *Registry) Stock(dir string) { r.blobs.layouts = dir }

func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := parsePath(req.URL.Path)
	switch {
	case isPut(req, at):
		r.putManifest(w, req, at)
	case at.kind == "manifests" && req.Method == http.MethodDelete && r.referrers != nil:
		r.inner.ServeHTTP(w, req)
		r.referrers.remove(at.repository, at.reference)
	case at.kind == "referrers" && req.Method == http.MethodGet && r.referrers != nil:
		r.referrers.serve(w, req, at)
	case at.kind == "uploads" && req.Method == http.MethodDelete:
		// The registry below takes this for the deletion of a blob. Clients open an upload
		// and cancel it to learn whether they may push.
		w.WriteHeader(http.StatusNoContent)
	default:
		r.inner.ServeHTTP(w, req)
	}
}

// A location is what a path of the API points at: NAME/manifests/REFERENCE.
type location struct{ repository, kind, reference string }

// parsePath is the zero location for a path that points at nothing in a repository.
func parsePath(path string) location {
	rest, ok := strings.CutPrefix(path, "/v2/")
	parts := strings.Split(rest, "/")
	n := len(parts)
	if !ok || n < 3 {
		return location{}
	}
	return location{repository: strings.Join(parts[:n-2], "/"), kind: parts[n-2], reference: parts[n-1]}
}

func readOnly(req *http.Request) bool {
	return req.Method == http.MethodGet || req.Method == http.MethodHead
}

// A refusal is an error of the distribution API.
type refusal struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string][]*refusal{"errors": {f}}) // the client may have gone
}
