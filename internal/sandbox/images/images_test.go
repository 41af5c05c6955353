package images_test

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"seal-image/internal/sandbox/images"
)

// TestKinds looks at every kind in the layout: its media type, its platforms and how many packages each has.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      images.Kind
		mediaType types.MediaType
		platforms []string
		packages  []int
	}{
		{images.Single, types.OCIManifestSchema1, []string{"linux/amd64"}, []int{13}},
		{images.Default, types.OCIImageIndex, []string{"linux/amd64"}, []int{12}},
		{images.Multi, types.OCIImageIndex, []string{"linux/amd64", "linux/arm64"}, []int{29, 29}},
		{images.Quad, types.OCIImageIndex, []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"}, []int{22, 22, 22, 22}},
		{images.Docker, types.DockerManifestList, []string{"linux/amd64", "linux/arm64"}, []int{22, 22}},
		{images.Variant, types.OCIImageIndex, []string{"linux/arm/v7", "linux/arm64"}, []int{22, 22}},
		{images.Bare, types.OCIImageIndex, []string{"linux/amd64"}, []int{10}},
		{images.OneIndex, types.OCIImageIndex, []string{"linux/amd64"}, []int{10}},
		{images.Nested, types.OCIImageIndex, []string{"linux/amd64", "linux/arm64"}, []int{10, 10}},
		{images.Zstd, types.OCIManifestSchema1, []string{"linux/amd64"}, []int{22}},
		{images.Scratch, types.OCIManifestSchema1, []string{"linux/amd64"}, []int{0}},
		{images.Empty, types.OCIManifestSchema1, []string{"linux/amd64"}, []int{0}},
		{images.Windows, types.OCIImageIndex, []string{"windows/amd64"}, []int{4}},
		{images.Helm, types.OCIManifestSchema1, nil, nil},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			d := describe(t, everything, c.kind)
			desc, _ := open(t, c.kind)
			if d.Kind != string(c.kind) || d.MediaType != string(c.mediaType) || desc.MediaType != c.mediaType {
				t.Errorf("%s is %s, in the layout %s, want %s", d.Kind, d.MediaType, desc.MediaType, c.mediaType)
			}
			if d.Digest != desc.Digest.String() {
				t.Errorf("digest %s, in the layout %s", d.Digest, desc.Digest)
			}
			var platforms []string
			var packages []int
			for _, image := range d.Images {
				platforms = append(platforms, image.Platform)
				packages = append(packages, len(image.Packages))
				if image.Packages == nil || !slices.IsSorted(image.Packages) {
					t.Errorf("packages of %s are %q, want a sorted list", image.Platform, image.Packages)
				}
			}
			if diff := cmp.Diff(c.platforms, platforms); diff != "" {
				t.Errorf("platforms (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.packages, packages); diff != "" {
				t.Errorf("numbers of packages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeterministic makes everything twice, with another builder and in another folder.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	again := t.TempDir()
	check(t, write(t.Context(), again))
	for _, kind := range images.Kinds() {
		if diff := cmp.Diff(describe(t, everything, kind), describe(t, again, kind)); diff != "" {
			t.Errorf("%s (-first +second):\n%s", kind, diff)
		}
	}
}

// TestPlatforms has the descriptors as a client sees them, before it reads any config.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	for kind, want := range map[images.Kind][]string{
		images.Default: {"linux/amd64", "unknown/unknown"},
		images.Multi:   {"linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"},
		images.Quad: {
			"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x",
			"unknown/unknown", "unknown/unknown", "unknown/unknown", "unknown/unknown",
		},
		images.Docker:   {"linux/amd64", "linux/arm64"},
		images.Variant:  {"none", "linux/arm64"},
		images.Bare:     {"none"},
		images.OneIndex: {"linux/amd64"},
		images.Nested:   {"none", "none"},
		images.Windows:  {"windows/amd64:10.0.20348.2849"},
	} {
		desc, top := open(t, kind)
		var got []string
		for _, m := range manifestOf(t, top, desc).Manifests {
			if m.Platform == nil {
				got = append(got, "none")
				continue
			}
			got = append(got, m.Platform.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// TestAttestations has what BuildKit writes: every image has one manifest that names it, with one statement about it.
func TestAttestations(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Multi)
	index, err := top.ImageIndex(desc.Digest)
	check(t, err)
	manifests := manifestOf(t, top, desc).Manifests
	for i, m := range manifests[2:] {
		image := manifests[i].Digest
		want := map[string]string{
			"vnd.docker.reference.type":   "attestation-manifest",
			"vnd.docker.reference.digest": image.String(),
		}
		if diff := cmp.Diff(want, m.Annotations); diff != "" {
			t.Errorf("annotations of %d (-want +got):\n%s", i, diff)
		}
		attestation, err := index.Image(m.Digest)
		check(t, err)
		manifest, err := attestation.Manifest()
		check(t, err)
		if len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != "application/vnd.in-toto+json" ||
			manifest.Layers[0].Annotations["in-toto.io/predicate-type"] != "https://slsa.dev/provenance/v0.2" {
			t.Errorf("layers of %d: %+v", i, manifest.Layers)
		}
		statement := blob(t, attestation, manifest.Layers[0].Digest)
		if !bytes.Contains(statement, []byte(image.Hex)) {
			t.Errorf("statement %d does not name %s: %s", i, image, statement)
		}
	}
}

func TestSharedLayer(t *testing.T) {
	t.Parallel()
	desc, top := open(t, images.Multi)
	index, err := top.ImageIndex(desc.Digest)
	check(t, err)
	var layers [][]v1.Descriptor
	for _, m := range manifestOf(t, top, desc).Manifests[:2] {
		image, err := index.Image(m.Digest)
		check(t, err)
		check(t, validate.Image(image))
		manifest, err := image.Manifest()
		check(t, err)
		layers = append(layers, manifest.Layers)
	}
	if layers[0][0].Digest != layers[1][0].Digest {
		t.Error("the Debian layers differ")
	}
	if last := len(layers[0]) - 1; layers[0][last].Digest == layers[1][last].Digest {
		t.Error("the applications do not differ")
	}
}

// TestPush reads every kind back from a registry, blobs included. Of the crowd it does not, which takes seconds: the
// registry takes an index only with all of its manifests.
func TestPush(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	for _, kind := range images.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ref := strings.TrimPrefix(server.URL, "http://") + "/acme/app:" + string(kind)
			digest := run(t, "push", filepath.Join(everything, string(kind)), ref)
			if want := describe(t, everything, kind).Digest + "\n"; digest != want {
				t.Errorf("printed %q, want %q", digest, want)
			}
			tag, err := name.ParseReference(ref)
			check(t, err)
			got, err := remote.Get(tag, remote.WithContext(t.Context()))
			check(t, err)
			if got.MediaType.IsIndex() && kind != images.Crowd {
				index, err := got.ImageIndex()
				check(t, err)
				check(t, validate.Index(index, validate.Fast))
			}
		})
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, args, want string }{
		{"nothing", "", "no command"},
		{"unknown command", "pull", `unknown command "pull"`},
		{"no folder", "images -fixtures " + fixtures, "-fixtures and -out are required"},
		{"unknown kind", "images -fixtures " + fixtures + " -out nowhere triple", `unknown kind "triple"`},
		{"unknown flag", "push -tag v1", "parse arguments"},
		{"no reference", "push layout", "wrong arguments"},
		{"user without password", "push -username u layout localhost:1/app", "wrong arguments"},
		{"no layout", "push nowhere localhost:1/app", "open layout nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := images.Main(t.Context(), strings.Fields(c.args), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
