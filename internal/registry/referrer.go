package registry

import (
	"bytes"
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

// Annotations of a referrer that holds a Sigstore bundle, and of a file for `oras pull`.
// Source: https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
const (
	annotationContent       = "dev.sigstore.bundle.content"
	annotationPredicateType = "dev.sigstore.bundle.predicateType"
	annotationCreated       = "org.opencontainers.image.created"
	annotationTitle         = "org.opencontainers.image.title"
)

// referrer is a manifest that ties something to an image, and the descriptor that a list
// of referrers has for it.
type referrer struct {
	a       *attest.Attachment
	content []byte // its one layer
	raw     []byte
	desc    v1.Descriptor
}

// referrers makes those of a group.
func referrers(g *group) ([]referrer, error) {
	out := make([]referrer, len(g.referrers))
	for i, a := range g.referrers {
		var err error
		if out[i], err = newReferrer(a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// newReferrer makes the manifest that ties an attachment to the image. The same attachment
// gives the same bytes.
func newReferrer(a *attest.Attachment) (referrer, error) {
	content, artifactType, annotations := carried(a)
	r := referrer{a: a, content: content}
	config, err := describe(emptyConfigType, emptyConfig)
	if err != nil {
		return r, err
	}
	layer, err := describe(types.MediaType(artifactType), content)
	if err != nil {
		return r, err
	}
	if a.Bundle == nil {
		layer.Annotations = map[string]string{annotationTitle: "sbom" + a.Document.Format.Extension()}
	}
	r.raw, err = json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  artifactType,
		Config:        config,
		Layers:        []v1.Descriptor{layer},
		Subject:       &v1.Descriptor{MediaType: a.About.MediaType, Digest: a.About.Digest(), Size: a.About.Size},
		Annotations:   annotations,
	})
	if err != nil {
		return r, err
	}
	r.desc, err = describe(types.OCIManifestSchema1, r.raw)
	r.desc.ArtifactType, r.desc.Annotations = artifactType, annotations
	return r, err
}

// carried is what the referrer of an attachment carries, its type, and what its manifest says of it.
func carried(a *attest.Attachment) (content []byte, artifactType string, annotations map[string]string) {
	b := a.Bundle
	if b == nil {
		return a.Document.Bytes, a.Document.Format.MediaType(), nil
	}
	return b.JSON, attest.BundleMediaType, map[string]string{
		annotationContent:       "dsse-envelope",
		annotationPredicateType: b.Statement.PredicateType,
		annotationCreated:       b.Entry.IntegratedTime.UTC().Format(time.RFC3339),
	}
}

// describe is the descriptor of content.
func describe(mediaType types.MediaType, content []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(content))
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
}

// refused recognises a registry that does not take OCI 1.1 manifests.
func refused(err error) error {
	status, ok := refusal(err)
	if !ok {
		return err
	}
	return &problem.Problem{
		Code: problem.ReferrersRefused,
		What: "The registry refuses the manifest that ties a signature to the image.",
		Why:  fmt.Sprintf("It answered %d to an OCI 1.1 manifest with subject and artifactType.", status),
		Fix:  "Update the registry, or store signatures under tags, as cosign 2 does:\n  signature-format: legacy",
		Err:  err,
	}
}

// refusal is the status with which a registry says that it never takes what was sent.
func refusal(err error) (status int, ok bool) {
	terr, isStatus := errors.AsType[*transport.Error](err)
	if !isStatus || terr.StatusCode < 400 || terr.StatusCode >= 500 ||
		terr.StatusCode == http.StatusUnauthorized || terr.StatusCode == http.StatusForbidden {
		return 0, false
	}
	return terr.StatusCode, true
}
