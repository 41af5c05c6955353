package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// manifestLimit is the size that the specification asks every registry to accept.
const manifestLimit = 4 << 20

// A manifest is what this package reads of an image or an index.
type manifest struct {
	ArtifactType string            `json:"artifactType"`
	Config       *v1.Descriptor    `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

// putManifest checks what the registry below does not, and remembers whom the manifest refers to.
func (r *Registry) putManifest(w http.ResponseWriter, req *http.Request, at location) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, manifestLimit))
	if err != nil {
		(&refusal{http.StatusRequestEntityTooLarge, "SIZE_INVALID", err.Error()}).write(w)
		return
	}
	parsed, descriptor, refused := r.check(req.Context(), raw, at)
	if refused != nil {
		refused.write(w)
		return
	}
	if parsed.Subject != nil && r.referrers != nil {
		w.Header().Set("OCI-Subject", parsed.Subject.Digest.String())
	}
	req.Body = io.NopCloser(bytes.NewReader(raw))
	r.inner.ServeHTTP(w, req)

	stored := w.Header().Get("Docker-Content-Digest") != "" // set on success alone
	if stored && parsed.Subject != nil && r.referrers != nil {
		descriptor.MediaType = types.MediaType(req.Header.Get("Content-Type"))
		r.referrers.add(at.repository, parsed.Subject.Digest, descriptor)
	}
}

// check returns the manifest with the descriptor that lists it as a referrer, or why the
// manifest cannot be stored.
func (r *Registry) check(ctx context.Context, raw []byte, at location) (*manifest, v1.Descriptor, *refusal) {
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, v1.Descriptor{}, &refusal{http.StatusBadRequest, "MANIFEST_INVALID", err.Error()}
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, v1.Descriptor{}, &refusal{http.StatusInternalServerError, "UNKNOWN", err.Error()}
	}
	if strings.Contains(at.reference, ":") && at.reference != digest.String() {
		why := "the manifest's digest is " + digest.String()
		return nil, v1.Descriptor{}, &refusal{http.StatusBadRequest, "DIGEST_INVALID", why}
	}
	if missing := r.missingBlob(ctx, at.repository, &m); missing != nil {
		return nil, v1.Descriptor{}, missing
	}
	descriptor := v1.Descriptor{Digest: digest, Size: size, ArtifactType: m.artifactType(), Annotations: m.Annotations}
	return &m, descriptor, nil
}

// artifactType is the type that the referrers API reports: an image without one lends it from
// its config, an index has none.
func (m *manifest) artifactType() string {
	if m.ArtifactType == "" && m.Config != nil {
		return string(m.Config.MediaType)
	}
	return m.ArtifactType
}

func (r *Registry) missingBlob(ctx context.Context, repository string, m *manifest) *refusal {
	blobs := m.Layers
	if m.Config != nil {
		blobs = append([]v1.Descriptor{*m.Config}, blobs...)
	}
	for _, blob := range blobs {
		if !blob.MediaType.IsDistributable() {
			continue
		}
		content, err := r.blobs.Get(ctx, repository, blob.Digest)
		if errors.Is(err, registry.ErrNotFound) {
			why := "the registry has no blob " + blob.Digest.String()
			return &refusal{http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", why}
		}
		if err != nil {
			return &refusal{http.StatusInternalServerError, "UNKNOWN", err.Error()}
		}
		_ = content.Close() // nothing was read
	}
	return nil
}
