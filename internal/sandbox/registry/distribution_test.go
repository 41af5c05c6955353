package registry_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/sirupsen/logrus"

	"seal-image/internal/sandbox/registry"
)

// An index is pushed and pulled, and what refers to it is listed under a tag, by
// go-containerregistry, which asks for the referrers API first.
func TestDistribution(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.NewDistribution(t.Context()))
	index, err := random.Index(64, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref := tag(t, "%s/acme/app:v1", host)
	if err := remote.WriteIndex(ref, index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(pulled); err != nil {
		t.Error(err)
	}
	digest, err := pulled.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if logrus.StandardLogger().Out != io.Discard {
		t.Error("distribution logs to standard error")
	}
	resp, _ := send(t, http.MethodGet, "http://"+host+"/v2/acme/app/referrers/"+digest.String(), "", "")
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("GET referrers: %s, want 404", resp.Status)
	}
	attach(t, ref.Context().Digest(digest.String()))
	resp, body := send(t, http.MethodGet, "http://"+host+"/v2/acme/app/manifests/"+strings.Replace(digest.String(), ":", "-", 1), "", "")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, bundleType) {
		t.Errorf("GET the listing: %s %s", resp.Status, body)
	}
}

// attach pushes an image that refers to the subject.
func attach(t *testing.T, subject name.Digest) {
	t.Helper()
	hash, err := v1.NewHash(subject.DigestStr())
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), bundleType)
	image, ok := mutate.Subject(image, v1.Descriptor{MediaType: types.OCIImageIndex, Digest: hash, Size: 1}).(v1.Image)
	if !ok {
		t.Fatal("an image with a subject is no image")
	}
	if err := remote.Push(subject.Context().Tag("referrer"), image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
}
