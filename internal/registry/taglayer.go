package registry

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"seal-image/internal/attest"
)

// lacking are the layers of attachments that are not among those under a tag, and whose they are.
func lacking(have []v1.Descriptor, made []*attest.Attachment) (adds []mutate.Addendum, added []*attest.Attachment, err error) {
	for _, a := range made {
		add, err := addendum(a)
		if err != nil {
			return nil, nil, err
		}
		if layerIndex(have, add) < 0 {
			adds, added = append(adds, add), append(added, a)
		}
	}
	return adds, added, nil
}

// addendum is the layer of a bundle.
func addendum(a *attest.Attachment) (mutate.Addendum, error) {
	l := a.Bundle.Layer
	var entry bundle.RekorBundle
	if err := json.Unmarshal(l.LogEntry, &entry); err != nil {
		return mutate.Addendum{}, fmt.Errorf("read log entry: %w", err)
	}
	var options []static.Option
	if a.Form == attest.FormAtt {
		options = append(options,
			static.WithLayerMediaType(envelopeType),
			static.WithAnnotations(map[string]string{"predicateType": a.Bundle.Statement.PredicateType}))
	}
	options = append(options, static.WithCertChain(l.Certificate, l.Chain), static.WithBundle(&entry))
	layer, err := static.NewSignature(l.Content, l.Signature, options...)
	if err != nil {
		return mutate.Addendum{}, fmt.Errorf("make layer: %w", err)
	}
	annotations, err := layer.Annotations()
	return mutate.Addendum{Layer: layer, Annotations: annotations}, err
}

// envelopeType is the media type of a DSSE envelope.
// Source: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
const envelopeType types.MediaType = "application/vnd.dsse.envelope.v1+json"

// sameProof reports whether two layers of the same content have the same signature,
// certificate and log entry. Without those a verifier finds nothing.
func sameProof(a, b map[string]string) bool {
	for _, key := range []string{static.SignatureAnnotationKey, static.CertificateAnnotationKey, static.BundleAnnotationKey} {
		if a[key] != b[key] {
			return false
		}
	}
	return true
}

// layerIndex finds a layer among others: signatures of one payload have the same content,
// and differ in the annotations; -1 if it is not there.
func layerIndex(layers []v1.Descriptor, want mutate.Addendum) int {
	digest, err := want.Layer.Digest()
	if err != nil {
		return -1
	}
	for i, l := range layers {
		if l.Digest == digest && sameProof(l.Annotations, want.Annotations) {
			return i
		}
	}
	return -1
}
