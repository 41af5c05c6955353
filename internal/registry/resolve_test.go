package registry_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

// references lets cmp compare references by what they say.
var references = cmp.Transformer("reference", func(d name.Digest) string { return d.String() })

// image is an OCI image with one layer; the same platform and content give the same bytes.
func image(t *testing.T, platform, content string) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte(content), types.OCIUncompressedLayer))
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	if platform != "" {
		p := parsePlatform(t, platform)
		config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
}

func parsePlatform(t *testing.T, s string) v1.Platform {
	t.Helper()
	p, err := v1.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	return *p
}

// entry is an image for linux with the platform in its descriptor.
func entry(t *testing.T, platform string) mutate.IndexAddendum {
	t.Helper()
	p := parsePlatform(t, platform)
	return mutate.IndexAddendum{Add: image(t, platform, platform), Descriptor: v1.Descriptor{Platform: &p}}
}

// attestation is what BuildKit adds to an index.
func attestation(t *testing.T) mutate.IndexAddendum {
	t.Helper()
	return mutate.IndexAddendum{Add: image(t, "", "provenance"), Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
	}}
}

func index(entries ...mutate.IndexAddendum) v1.ImageIndex {
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), entries...)
}

// docker turns an OCI image into one of Docker's media types.
func docker(img v1.Image) v1.Image {
	return mutate.ConfigMediaType(mutate.MediaType(img, types.DockerManifestSchema2), types.DockerConfigJSON)
}

func TestResolve(t *testing.T) {
	t.Parallel()
	helm := mutate.ConfigMediaType(image(t, "", "chart"), "application/vnd.cncf.helm.config.v1+json")
	buildkit := entry(t, "linux/amd64")
	annotated := attestation(t)
	annotated.Platform = nil // the annotation alone must do

	for name, c := range map[string]struct {
		pushed    remote.Taggable
		platforms []string
		want      []string // platforms of the images
		count     int      // platforms of the index
		artifact  string
	}{
		"image":                       {pushed: image(t, "linux/arm64/v8", "x"), want: []string{"linux/arm64/v8"}, count: 1},
		"docker image":                {pushed: docker(image(t, "linux/amd64", "x")), want: []string{"linux/amd64"}, count: 1},
		"image without platform":      {pushed: image(t, "", "x"), want: []string{"unknown/unknown"}, count: 1},
		"helm chart":                  {pushed: helm, want: []string{""}, count: 1, artifact: "application/vnd.cncf.helm.config.v1+json"},
		"index":                       {pushed: index(entry(t, "linux/amd64"), entry(t, "linux/arm/v7")), want: []string{"linux/amd64", "linux/arm/v7"}, count: 2},
		"index of BuildKit":           {pushed: index(buildkit, attestation(t)), want: []string{"linux/amd64"}, count: 1},
		"attestation by annotation":   {pushed: index(buildkit, annotated), want: []string{"linux/amd64"}, count: 1},
		"index of Docker":             {pushed: mutate.IndexMediaType(index(mutate.IndexAddendum{Add: docker(image(t, "linux/amd64", "x")), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}), types.DockerManifestList), want: []string{"linux/amd64"}, count: 1},
		"platform from the config":    {pushed: index(mutate.IndexAddendum{Add: image(t, "linux/s390x", "x")}), want: []string{"linux/s390x"}, count: 1},
		"one platform chosen":         {pushed: index(entry(t, "linux/amd64"), entry(t, "linux/arm64")), platforms: []string{"linux/arm64"}, want: []string{"linux/arm64"}, count: 2},
		"order of the index is kept":  {pushed: index(entry(t, "linux/amd64"), entry(t, "linux/arm64")), platforms: []string{"linux/arm64", "linux/amd64"}, want: []string{"linux/amd64", "linux/arm64"}, count: 2},
		"platform without variant":    {pushed: index(entry(t, "linux/arm/v6"), entry(t, "linux/arm/v7")), platforms: []string{"linux/arm"}, want: []string{"linux/arm/v6", "linux/arm/v7"}, count: 2},
		"platform of a plain image":   {pushed: image(t, "linux/amd64", "x"), platforms: []string{"linux/amd64"}, want: []string{"linux/amd64"}, count: 1},
		"variant chosen among others": {pushed: index(entry(t, "linux/arm/v6"), entry(t, "linux/arm/v7")), platforms: []string{"linux/arm/v7"}, want: []string{"linux/arm/v7"}, count: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := serve(t, memory(false))
			pushed := push(t, network, repository+":v1", c.pushed)
			want := &attest.Subject{Manifest: pushed, Tags: []string{"v1"}, ArtifactType: c.artifact, Platforms: c.count}
			for _, platform := range c.want {
				want.Images = append(want.Images, pushedImage(t, network, pushed, platform))
			}
			var platforms []v1.Platform
			for _, p := range c.platforms {
				platforms = append(platforms, parsePlatform(t, p))
			}
			got, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, platforms)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, references); diff != "" {
				t.Errorf("subject (-want +got):\n%s", diff)
			}

			byDigest, err := client(network).Resolve(t.Context(), pushed.Ref, pushed.Digest(), platforms)
			if err != nil {
				t.Fatal(err)
			}
			want.Tags = nil
			if diff := cmp.Diff(want, byDigest, references); diff != "" {
				t.Errorf("subject by digest (-want +got):\n%s", diff)
			}
		})
	}
}

// pushedImage is the image of a platform as go-containerregistry finds it in pushed.
func pushedImage(t *testing.T, network http.RoundTripper, pushed attest.Manifest, platform string) attest.Image {
	t.Helper()
	if platform == "" {
		return attest.Image{Manifest: pushed}
	}
	p := parsePlatform(t, platform)
	if !pushed.MediaType.IsIndex() {
		return attest.Image{Manifest: pushed, Platform: p}
	}
	idx, err := remote.Index(pushed.Ref, remote.WithTransport(network))
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(m.Manifests, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Equals(p) })
	i = max(i, 0) // the one that has its platform in the config alone
	d := m.Manifests[i]
	return attest.Image{
		Manifest: attest.Manifest{Ref: pushed.Ref.Digest(d.Digest.String()), MediaType: d.MediaType, Size: d.Size},
		Platform: p,
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	two := index(entry(t, "linux/amd64"), entry(t, "linux/arm64"))
	strange := index(mutate.IndexAddendum{Add: static.NewLayer([]byte("x"), "application/vnd.example+x")})
	schema1 := []byte(`{"schemaVersion":1,"name":"acme/app","tag":"v1","architecture":"amd64","fsLayers":[],"history":[]}`)

	for name, c := range map[string]struct {
		golden    string
		pushed    remote.Taggable
		raw       []byte // of schema 1, instead
		ref       string
		expected  v1.Hash
		platforms []v1.Platform
	}{
		"no such tag":      {golden: "image-not-found", pushed: two, ref: repository + ":v2"},
		"nested index":     {golden: "nested-index", pushed: nest(two, 4)},
		"index of nothing": {golden: "no-images-at-all", pushed: index()},
		"nested nothing":   {golden: "no-images-nested", pushed: nest(index(), 2)},
		"neither image":    {golden: "index-of-others", pushed: strange},
		"schema 1":         {golden: "schema-1", raw: schema1},
		"attestation only": {golden: "no-images", pushed: index(attestation(t))},
		"other digest":     {golden: "digest-mismatch", pushed: two, expected: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}},
		"unknown platform": {golden: "platform-unknown", pushed: two, platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "riscv64"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{memory(false)}
				if c.raw != nil {
					put(t, network, "v1", string(types.DockerManifestSchema1Signed), c.raw)
				} else {
					push(t, network, repository+":v1", c.pushed)
				}
				if c.ref == "" {
					c.ref = repository + ":v1"
				}
				_, err := client(network).Resolve(t.Context(), reference(t, c.ref), c.expected, c.platforms)
				goldenProblem(t, c.golden, err)
			})
		})
	}
}

// A registry that serves other bytes than the digest says must not get them signed.
//
// faults: F39
func TestResolveWrongBytes(t *testing.T) {
	t.Parallel()
	inner := memory(false)
	network := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/manifests/sha256:") {
			req.URL.Path = "/v2/acme/app/manifests/other"
		}
		inner.ServeHTTP(w, req)
	}))
	pushed := push(t, network, repository+":v1", image(t, "linux/amd64", "one"))
	push(t, network, repository+":other", image(t, "linux/amd64", "two"))
	if _, err := client(network).Resolve(t.Context(), pushed.Ref, v1.Hash{}, nil); err == nil {
		t.Error("the wrong manifest was accepted")
	}
}

// An entry without a platform, as some tools write them, has that of its config.
func TestResolvePlatformOfConfig(t *testing.T) {
	t.Parallel()
	for name, platform := range map[string]string{
		"none":  ``,
		"empty": `,"platform":{"architecture":"","os":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := inProcess{memory(false)}
			img := push(t, network, repository+":img", image(t, "linux/s390x", "x"))
			put(t, network, "v1", ociIndex, fmt.Appendf(nil,
				`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"size":%d,"digest":%q%s}]}`,
				types.OCIImageIndex, img.MediaType, img.Size, img.Ref.DigestStr(), platform))
			got, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []attest.Image{{Manifest: img, Platform: v1.Platform{OS: "linux", Architecture: "s390x"}}}
			if diff := cmp.Diff(want, got.Images, references); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
		})
	}
}
