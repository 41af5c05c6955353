package registry

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ECR has tags that are written once, and the listing under a tag is one. It confirms a subject
// as a registry with the referrers API does, and does not have it.
//
// https://github.com/sigstore/cosign/issues/3024, https://github.com/sigstore/sigstore-js/issues/1183
type ECR struct {
	*Registry
	mu sync.Mutex // between the look at a tag and its writing
}

// NewECR makes an empty registry.
func NewECR() *ECR { return &ECR{Registry: NewWithReferrers()} }

func (e *ECR) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := parsePath(req.URL.Path)
	switch {
	case at.kind == "referrers":
		http.NotFound(w, req)
	case isPut(req, at) && at.isTag():
		e.putTag(w, req, at)
	default:
		e.Registry.ServeHTTP(w, req)
	}
}

func (e *ECR) putTag(w http.ResponseWriter, req *http.Request, at location) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, raw := peek(req)
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		(&refusal{http.StatusInternalServerError, "UNKNOWN", err.Error()}).write(w)
		return
	}
	if stored := e.digestOf(req, at); stored != "" && stored != digest.String() {
		why := fmt.Sprintf("The image tag '%s' already exists in the '%s' repository"+
			" and cannot be overwritten because the tag is immutable.", at.reference, at.repository)
		(&refusal{http.StatusBadRequest, "TAG_INVALID", why}).write(w)
		return
	}
	e.Registry.ServeHTTP(w, req)
}

// Harbor has a rule that no tag of cosign's may be written. It has the referrers API.
//
// https://github.com/goharbor/harbor/issues/17332
type Harbor struct{ *Registry }

// NewHarbor makes an empty registry.
func NewHarbor() *Harbor { return &Harbor{NewWithReferrers()} }

func (h *Harbor) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := parsePath(req.URL.Path)
	if isPut(req, at) && slices.Contains([]string{".sig", ".att", ".sbom"}, path.Ext(at.reference)) {
		why := fmt.Sprintf("Failed to process request due to '%s:%s' configured as immutable.", at.repository, at.reference)
		(&refusal{http.StatusPreconditionFailed, "PRECONDITION", why}).write(w)
		return
	}
	h.Registry.ServeHTTP(w, req)
}
