package registry

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// referrers are the manifests with a subject, in the order of their arrival. The registry below
// could list them too, but it takes the config's media type for the artifact type, does not
// filter, and does not know the answer for a repository that is empty.
type referrers struct {
	mu   sync.Mutex
	list []referrer
}

type referrer struct {
	repository string
	subject    v1.Hash
	descriptor v1.Descriptor
}

func (rs *referrers) add(repository string, subject v1.Hash, descriptor v1.Descriptor) {
	rs.remove(repository, descriptor.Digest.String()) // pushed again
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.list = append(rs.list, referrer{repository, subject, descriptor})
}

// remove forgets a manifest by its digest; a tag names no referrer.
func (rs *referrers) remove(repository, digest string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.list = slices.DeleteFunc(rs.list, func(r referrer) bool {
		return r.repository == repository && r.descriptor.Digest.String() == digest
	})
}

// of lists the referrers of a subject; an empty artifact type is any.
func (rs *referrers) of(repository string, subject v1.Hash, artifactType string) []v1.Descriptor {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	found := []v1.Descriptor{} // "manifests" is never null
	for _, r := range rs.list {
		if r.repository == repository && r.subject == subject &&
			(artifactType == "" || artifactType == r.descriptor.ArtifactType) {
			found = append(found, r.descriptor)
		}
	}
	return found
}

func (rs *referrers) serve(w http.ResponseWriter, req *http.Request, at location) {
	subject, err := v1.NewHash(at.reference)
	if err != nil {
		(&refusal{http.StatusBadRequest, "DIGEST_INVALID", err.Error()}).write(w)
		return
	}
	artifactType := req.URL.Query().Get("artifactType")
	if artifactType != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", string(types.OCIImageIndex))
	_ = json.NewEncoder(w).Encode(v1.IndexManifest{ // the client may have gone
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests:     rs.of(at.repository, subject, artifactType),
	})
}
