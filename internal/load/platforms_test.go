//go:build load

package load_test

import (
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/suite"
)

const platformCount = 50

// TestPlatforms seals an index of 50 platforms, each with the attestation manifest of BuildKit's, on
// a registry without the referrers API: the index and every platform have a signature, every platform
// has its SBOM, what is unknown/unknown has nothing, and no layer is fetched twice.
func TestPlatforms(t *testing.T) {
	b := newBench(t)
	count := size(t, "LOAD_PLATFORMS", platformCount)
	repository := b.job.RegistryNoReferrers + "/acme/platforms"
	index, platforms := b.crowd(t, count)
	ref := suite.Must(name.NewTag(repository + ":v1"))(t)
	if err := remote.WriteIndex(ref, index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	digest := suite.Must(index.Digest())(t).String()
	suite.Must(b.job.Ask(t.Context(), http.MethodDelete, "/requests", nil))(t)

	out := b.mustSeal(t, b.job, map[string]string{"image": repository + ":v1", "digest": digest, "signature-format": "both", "timeout": "30m"})
	b.fetchedOnce(t, index)

	signatures, documents := 0, 0
	for _, d := range append(platforms, digest) {
		found := attached(t, suite.Must(name.NewDigest(repository+"@"+d))(t))
		for _, place := range places {
			if !found[place][identity(0)] {
				t.Errorf("%s has nothing in %s", d, place)
			}
		}
		signatures++
		documents++
	}
	t.Logf("%d platforms in %s: %d signatures, %d SBOMs, one of them of the index", count, out.took.Round(time.Second), signatures, documents)
	b.nothingOnAttestations(t, index, repository)
	for _, d := range []string{digest, platforms[0], platforms[count/2], platforms[count-1]} {
		for _, args := range [][]string{{"verify"}, {"verify-attestation", "--type", "spdxjson"}} {
			if err := b.cosign(t.Context(), b.job, 0, append(args, repository+"@"+d)...); err != nil {
				t.Error(err)
			}
		}
	}
}

// crowd makes the index of that many platforms, which share the only layer of a Debian image, and
// of as many attestation manifests. It returns the digests of the platforms.
func (b *bench) crowd(t *testing.T, count int) (index v1.ImageIndex, digests []string) {
	t.Helper()
	top := suite.Must(layout.ImageIndexFromPath(filepath.Join(b.tools.Images, "quad")))(t)
	quad := suite.Must(top.ImageIndex(suite.Must(top.IndexManifest())(t).Manifests[0].Digest))(t)
	first := suite.Must(quad.Image(suite.Must(quad.IndexManifest())(t).Manifests[0].Digest))(t)
	config := suite.Must(first.ConfigFile())(t)

	var images, attestations []mutate.IndexAddendum
	for i := range count {
		mine := config.DeepCopy()
		mine.Variant = fmt.Sprintf("v%d", i+1)
		image := suite.Must(mutate.ConfigFile(first, mine))(t)
		digest := suite.Must(image.Digest())(t).String()
		digests = append(digests, digest)
		images = append(images, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: mine.Architecture, Variant: mine.Variant},
		}})
		attestations = append(attestations, mutate.IndexAddendum{Add: smallImage(t, i), Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest},
		}})
	}
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), append(images, attestations...)...), digests
}

// fetchedOnce looks at the record for the layers and configs of the index.
func (b *bench) fetchedOnce(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	wanted := map[string]bool{}
	for _, d := range suite.Must(index.IndexManifest())(t).Manifests {
		if d.Platform.OS == "unknown" {
			continue
		}
		manifest := suite.Must(suite.Must(index.Image(d.Digest))(t).Manifest())(t)
		for _, blob := range append(manifest.Layers, manifest.Config) {
			wanted[blob.Digest.String()] = true
		}
	}
	fetched, seen := tally{}, tally{}
	for _, r := range requests(t, b.job) {
		seen[r.Service]++
		if digest := path.Base(r.Path); r.Method == http.MethodGet && wanted[digest] && strings.Contains(r.Path, "/blobs/") {
			fetched[digest]++
		}
	}
	for digest, times := range fetched {
		if times != 1 {
			t.Errorf("%s was fetched %d times", digest, times)
		}
	}
	t.Logf("%d layers and configs, %d of them fetched; requests: %s", len(wanted), len(fetched), seen)
}

// nothingOnAttestations looks for what would be attached to the manifests of BuildKit's.
func (b *bench) nothingOnAttestations(t *testing.T, index v1.ImageIndex, repository string) {
	t.Helper()
	repo := suite.Must(name.NewRepository(repository))(t)
	tags := map[string]bool{}
	for _, tag := range suite.Must(remote.List(repo, remote.WithContext(t.Context())))(t) {
		tags[tag] = true
	}
	for _, d := range suite.Must(index.IndexManifest())(t).Manifests {
		for _, suffix := range []string{"", ".sig", ".att"} {
			tag := strings.Replace(d.Digest.String(), ":", "-", 1) + suffix
			if attested := d.Platform.OS != "unknown"; tags[tag] != attested {
				t.Errorf("the tag %s is there: %t", tag, tags[tag])
			}
		}
	}
}
