package registry

import (
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// JFrog answers for a tag that there is not as if it were forbidden to look. It has no referrers
// API.
//
// https://github.com/sigstore/cosign/issues/2973
type JFrog struct{ *Registry }

// NewJFrog makes an empty registry.
func NewJFrog() *JFrog { return &JFrog{New()} }

func (j *JFrog) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := parsePath(req.URL.Path)
	if at.kind == "manifests" && readOnly(req) && at.isTag() && j.digestOf(req, at) == "" {
		(&refusal{http.StatusForbidden, "DENIED", "access to the requested resource is denied"}).write(w)
		return
	}
	j.Registry.ServeHTTP(w, req)
}

// Quay takes images alone: no manifest of OCI 1.1, and none whose config is not an image's. It
// has no referrers API.
//
// https://github.com/sigstore/cosign/issues/1645
type Quay struct{ *Registry }

// NewQuay makes an empty registry.
func NewQuay() *Quay { return &Quay{New()} }

func (q *Quay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if isPut(req, parsePath(req.URL.Path)) {
		if m, _ := peek(req); !m.isImage() {
			(&refusal{http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"}).write(w)
			return
		}
	}
	q.Registry.ServeHTTP(w, req)
}

// isImage is for what was an image or an index before OCI 1.1.
func (m *manifest) isImage() bool {
	image := m.Config == nil || m.Config.MediaType == types.OCIConfigJSON || m.Config.MediaType == types.DockerConfigJSON
	return image && m.ArtifactType == "" && m.Subject == nil
}
