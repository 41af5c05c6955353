package verifier_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/sandbox/registry"
	"seal-image/internal/sandbox/verifier"
)

const (
	identity   = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	issuer     = "https://token.actions.githubusercontent.com"
	repository = "https://github.com/acme/app"
	spdx       = "https://spdx.dev/Document"
	bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	predicate  = `{"spdxVersion":"SPDX-2.3","name":"a<b"}`
)

// TestAccepts attaches one good bundle beside a broken one, with the referrers API and with the fallback tag.
func TestAccepts(t *testing.T) {
	t.Parallel()
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers API %t", api), func(t *testing.T) {
			t.Parallel()
			sigstore, image := newInstance(t), push(t, api)
			attach(t, image, []byte(`{}`), nil)
			manifest := attach(t, image, encode(t, sigstore.sign(t, statement(image.hex()), true)), nil)

			accepted, err := verifier.Verify(t.Context(), image.ref, policy(sigstore))
			check(t, err)
			if len(accepted) != 1 {
				t.Fatalf("accepted %d bundles, want 1", len(accepted))
			}
			got := accepted[0]
			if at, err := time.Parse(time.RFC3339, got.IntegratedTime); err != nil || time.Since(at) > time.Hour {
				t.Errorf("integrated time %q", got.IntegratedTime)
			}
			sum := sha256.Sum256([]byte(predicate))
			want := verifier.Accepted{
				Manifest: manifest.String(), PredicateType: spdx, Subject: image.desc.Digest.String(),
				Identity: identity, Issuer: issuer, Repository: repository,
				IntegratedTime: got.IntegratedTime, PredicateSHA256: hex.EncodeToString(sum[:]),
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRefusesBundle(t *testing.T) {
	t.Parallel()
	sigstore := newInstance(t)
	good := func(t *testing.T, image image) []byte {
		return encode(t, sigstore.sign(t, statement(image.hex()), true))
	}
	with := func(change func(*verifier.Policy)) verifier.Policy {
		p := policy(sigstore)
		change(&p)
		return p
	}
	for _, c := range []struct {
		name   string
		policy verifier.Policy
		bundle func(*testing.T, image) []byte // nil: none is attached
		want   string
	}{
		{"none", policy(sigstore), nil, "it has no referrer of type " + bundleType},
		{"no bundle", policy(sigstore), func(*testing.T, image) []byte { return []byte("{}") }, "parse bundle"},
		{"other identity", with(func(p *verifier.Policy) { p.Identity += "x" }), good, "expected SAN value"},
		{"other issuer", with(func(p *verifier.Policy) { p.Issuer += "x" }), good, "expected issuer value"},
		{"other repository", with(func(p *verifier.Policy) { p.Repository += "x" }), good, "SourceRepositoryURI"},
		{
			"other type", with(func(p *verifier.Policy) { p.PredicateType = "https://slsa.dev/provenance/v1" }), good,
			"predicate is " + spdx,
		},
		{"other instance", with(func(p *verifier.Policy) { p.Trust = newInstance(t) }), good, "verify: "},
		{"other image", policy(sigstore), func(t *testing.T, _ image) []byte {
			return encode(t, sigstore.sign(t, statement(strings.Repeat("0", 64)), true))
		}, "digest"},
		{"unlogged certificate", policy(sigstore), func(t *testing.T, i image) []byte {
			return encode(t, sigstore.sign(t, statement(i.hex()), false))
		}, "SCT"},
		{"without log entry", policy(sigstore), func(t *testing.T, i image) []byte {
			b := sigstore.sign(t, statement(i.hex()), true)
			b.VerificationMaterial.TlogEntries = nil
			return encode(t, b)
		}, "log entries"},
		{"changed predicate", policy(sigstore), func(t *testing.T, i image) []byte {
			b := sigstore.sign(t, statement(i.hex()), true)
			e := b.GetDsseEnvelope()
			e.Payload = bytes.Replace(e.Payload, []byte("SPDX-2.3"), []byte("SPDX-2.2"), 1)
			return encode(t, b)
		}, "verify: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			image := push(t, true)
			if c.bundle != nil {
				attach(t, image, c.bundle(t, image), nil)
			}
			accepted, err := verifier.Verify(t.Context(), image.ref, c.policy)
			wantError(t, err, "no bundle of "+image.ref.String()+" verifies", c.want)
			if accepted != nil {
				t.Errorf("accepted %+v", accepted)
			}
		})
	}
}

// TestRefusesManifest has a good bundle in a manifest that is wrong: no reason to look at other bundles.
func TestRefusesManifest(t *testing.T) {
	t.Parallel()
	sigstore := newInstance(t)
	for _, c := range []struct {
		name   string
		change func(*v1.Manifest)
		want   string
	}{
		{"two layers", func(m *v1.Manifest) { m.Layers = slices.Repeat(m.Layers, 2) }, "2 layers, want one"},
		{"layer type", func(m *v1.Manifest) { m.Layers[0].MediaType = types.OCILayer }, "layer is " + string(types.OCILayer)},
		{"config type", func(m *v1.Manifest) { m.Config.MediaType = types.OCIConfigJSON }, "want the empty one"},
		{"subject size", func(m *v1.Manifest) { m.Subject.Size++ }, "subject is "},
		{"subject type", func(m *v1.Manifest) { m.Subject.MediaType = types.OCIImageIndex }, "subject is "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			image := push(t, true)
			bundle := encode(t, sigstore.sign(t, statement(image.hex()), true))
			attach(t, image, bundle, nil)
			manifest := attach(t, image, bundle, c.change)
			_, err := verifier.Verify(t.Context(), image.ref, policy(sigstore))
			wantError(t, err, "referrer "+manifest.String(), c.want)
		})
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, args, want string }{
		{"nothing", "", "no command"},
		{"no image", "verify -trusted-root x -identity i -issuer u", "missing argument"},
		{"no identity", "verify -trusted-root x -issuer u r/a@sha256:" + strings.Repeat("0", 64), "missing argument"},
		{"a tag", "verify -trusted-root x -identity i -issuer u localhost:1/app:v1", "parse image"},
		{
			"no trusted root", "verify -trusted-root nowhere -identity i -issuer u r/a@sha256:" + strings.Repeat("0", 64),
			"read trusted root",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantError(t, verifier.Main(t.Context(), strings.Fields(c.args), io.Discard), c.want)
		})
	}
}

func policy(sigstore *instance) verifier.Policy {
	return verifier.Policy{
		Trust: sigstore, Identity: identity, Issuer: issuer, Repository: repository, PredicateType: spdx,
	}
}

// image is an image in a registry of its own.
type image struct {
	ref  name.Digest
	desc v1.Descriptor
}

func (i image) hex() string { return i.desc.Digest.Hex }

func push(t *testing.T, api bool) image {
	t.Helper()
	handler := registry.New()
	if api {
		handler = registry.NewWithReferrers()
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	repo := must(name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/acme/app"))(t)
	img := must(random.Image(64, 1))(t)
	ref := repo.Digest(must(img.Digest())(t).String())
	check(t, remote.Write(ref, img, remote.WithContext(t.Context())))
	return image{ref: ref, desc: must(remote.Get(ref, remote.WithContext(t.Context())))(t).Descriptor}
}

// attach stores a bundle as a referrer of the image, in a manifest that change may spoil.
func attach(t *testing.T, i image, bundle []byte, change func(*v1.Manifest)) v1.Hash {
	t.Helper()
	layer := static.NewLayer(bundle, bundleType)
	config := static.NewLayer([]byte("{}"), "application/vnd.oci.empty.v1+json")
	for _, blob := range []v1.Layer{layer, config} {
		check(t, remote.WriteLayer(i.ref.Context(), blob, remote.WithContext(t.Context())))
	}
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: bundleType,
		Config:  v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Size: 2, Digest: must(config.Digest())(t)},
		Layers:  []v1.Descriptor{{MediaType: bundleType, Size: int64(len(bundle)), Digest: must(layer.Digest())(t)}},
		Subject: &v1.Descriptor{MediaType: i.desc.MediaType, Size: i.desc.Size, Digest: i.desc.Digest},
	}
	if change != nil {
		change(&m)
	}
	raw := must(json.Marshal(m))(t)
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	check(t, err)
	check(t, remote.Put(i.ref.Context().Digest(digest.String()), rawManifest(raw), remote.WithContext(t.Context())))
	return digest
}

type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}
