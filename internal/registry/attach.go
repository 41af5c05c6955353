package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// emptyConfig is the config of a manifest that is not an image.
// Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor
var emptyConfig = []byte("{}")

const emptyConfigType types.MediaType = "application/vnd.oci.empty.v1+json"

// Annotations of a referrer that holds a Sigstore bundle.
// Source: https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
const (
	annotationContent       = "dev.sigstore.bundle.content"
	annotationPredicateType = "dev.sigstore.bundle.predicateType"
	annotationCreated       = "org.opencontainers.image.created"
)

// Attach implements [attest.Attacher]. First come all blobs, then the manifests in the
// order of bundles; on a registry without the referrers API one write of the fallback
// index then makes them visible together.
func (c *Client) Attach(ctx context.Context, m attest.Manifest, bundles []*attest.Bundle) ([]*attest.Attachment, error) {
	s, err := c.writer(ctx, m.Ref.Context())
	if err != nil {
		return nil, err
	}
	api, err := s.hasReferrersAPI(ctx, m)
	if err != nil {
		return nil, c.explainAttach(err, m)
	}
	referrers := make([]referrer, len(bundles))
	for i, b := range bundles {
		if referrers[i], err = s.referrer(ctx, m, b); err != nil {
			return nil, c.explainAttach(err, m)
		}
	}
	var stored []*attest.Attachment
	var listed []v1.Descriptor
	for i, r := range referrers {
		if err := s.putManifest(ctx, r.desc.Digest.String(), r.desc.MediaType, r.raw); err != nil {
			return visible(stored, api), c.explainAttach(refused(err), m)
		}
		stored = append(stored, &attest.Attachment{Bundle: bundles[i], Manifest: manifest(s.repo, r.desc)})
		listed = append(listed, r.desc)
	}
	if api {
		return stored, nil
	}
	written, err := s.addToFallback(ctx, m, listed)
	if err != nil {
		return visible(stored, written), c.explainAttach(err, m)
	}
	return stored, nil
}

// visible is what verifiers can already find when Attach fails: all that is stored if it is
// listed, by the referrers API or the fallback index.
func visible(stored []*attest.Attachment, listed bool) []*attest.Attachment {
	if listed {
		return stored
	}
	return nil
}

// referrer is a manifest that ties a bundle to an image, and the descriptor that a list of
// referrers has for it.
type referrer struct {
	raw  []byte
	desc v1.Descriptor
}

// referrer stores the blobs of a bundle and makes the manifest that ties them to m. The
// same bundle gives the same bytes.
func (s *session) referrer(ctx context.Context, m attest.Manifest, b *attest.Bundle) (referrer, error) {
	config, err := s.putBlob(ctx, emptyConfigType, emptyConfig)
	if err != nil {
		return referrer{}, err
	}
	layer, err := s.putBlob(ctx, attest.BundleMediaType, b.JSON)
	if err != nil {
		return referrer{}, err
	}
	r := referrer{desc: v1.Descriptor{
		MediaType:    types.OCIManifestSchema1,
		ArtifactType: attest.BundleMediaType,
		Annotations: map[string]string{
			annotationContent:       "dsse-envelope",
			annotationPredicateType: b.Statement.PredicateType,
			annotationCreated:       b.Entry.IntegratedTime.UTC().Format(time.RFC3339),
		},
	}}
	r.raw, err = json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     r.desc.MediaType,
		ArtifactType:  r.desc.ArtifactType,
		Config:        config,
		Layers:        []v1.Descriptor{layer},
		Subject:       &v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest(), Size: m.Size},
		Annotations:   r.desc.Annotations,
	})
	if err != nil {
		return referrer{}, err
	}
	r.desc.Digest, r.desc.Size, err = v1.SHA256(bytes.NewReader(r.raw))
	return r, err
}

// refused recognises a registry that does not take OCI 1.1 manifests.
func refused(err error) error {
	terr, ok := errors.AsType[*transport.Error](err)
	if !ok || terr.StatusCode < 400 || terr.StatusCode >= 500 ||
		terr.StatusCode == http.StatusUnauthorized || terr.StatusCode == http.StatusForbidden {
		return err
	}
	return &problem.Problem{
		Code: problem.ReferrersRefused,
		What: "The registry refuses the manifest that ties a signature to the image.",
		Why:  fmt.Sprintf("It answered %d to an OCI 1.1 manifest with subject and artifactType.", terr.StatusCode),
		Fix:  "Use a registry that accepts manifests with a subject, or update this one.",
		Err:  err,
	}
}
