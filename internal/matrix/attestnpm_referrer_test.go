//go:build matrix

package matrix_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/suite"
)

const (
	bundleType      types.MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	emptyConfigType types.MediaType = "application/vnd.oci.empty.v1+json"
)

// manifest is one that is stored as it is.
type manifest []byte

func (m manifest) RawManifest() ([]byte, error)        { return m, nil }
func (m manifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// storeReferrer attaches a bundle to an image as actions/attest does with
// push-to-registry.
//
// Sources: https://github.com/actions/attest, src/attest.ts, and
// https://github.com/sigstore/sigstore-js, packages/oci/src/image.ts
func storeReferrer(t *testing.T, ref name.Digest, bundle []byte, predicateType string) {
	t.Helper()
	repository, withContext := ref.Context(), remote.WithContext(t.Context())
	subject := suite.Must(remote.Head(ref, withContext))(t)
	var stored []v1.Descriptor
	for _, layer := range []v1.Layer{
		static.NewLayer(bundle, bundleType),
		static.NewLayer([]byte("{}"), emptyConfigType),
	} {
		if err := remote.WriteLayer(repository, layer, withContext); err != nil {
			t.Fatal(err)
		}
		stored = append(stored, *suite.Must(partial.Descriptor(layer))(t))
	}
	raw := suite.Must(json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  string(bundleType),
		Layers:        stored[:1],
		Config:        stored[1],
		Subject:       &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations: map[string]string{
			"org.opencontainers.image.created":  time.Now().UTC().Format(time.RFC3339),
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": predicateType,
		},
	}))(t)
	digest := suite.Must(partial.Digest(manifest(raw)))(t)
	if err := remote.Put(repository.Digest(digest.String()), manifest(raw), withContext); err != nil {
		t.Fatal(err)
	}
}
