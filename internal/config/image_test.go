package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/config"
	"seal-image/internal/problem"
)

var (
	digestA = v1.Hash{Algorithm: "sha256", Hex: hexA}
	digestB = v1.Hash{Algorithm: "sha256", Hex: hexB}
)

// tagged and pinned are the two forms of an Image.
func tagged(ref string, digest v1.Hash, opts ...name.Option) config.Image {
	return config.Image{Ref: must(name.NewTag(ref, opts...)), Digest: digest}
}

func pinned(repository string, digest v1.Hash) config.Image {
	return config.Image{Ref: must(name.NewRepository(repository)).Digest(digest.String()), Digest: digest}
}

func TestImages(t *testing.T) {
	t.Parallel()
	const app, v1Tag = "registry.acme.dev/team/app", "registry.acme.dev/team/app:v1"
	none := v1.Hash{}
	for name, tt := range map[string]struct {
		with step
		want []config.Image
	}{
		"tag": {step{"image": v1Tag}, []config.Image{tagged(v1Tag, none)}},
		"tag and digest input": {
			step{"image": v1Tag, "digest": digestA.String()}, []config.Image{tagged(v1Tag, digestA)},
		},
		"tag and digest in one": {step{"image": v1Tag + "@" + digestA.String()}, []config.Image{tagged(v1Tag, digestA)}},
		"digest twice": {
			step{"image": v1Tag + "@" + digestA.String(), "digest": digestA.String()}, []config.Image{tagged(v1Tag, digestA)},
		},
		"digest in the reference": {step{"image": app + "@" + digestA.String()}, []config.Image{pinned(app, digestA)}},
		"digest input without tag": {
			step{"image": "registry.acme.dev:5000/app", "digest": digestA.String()},
			[]config.Image{pinned("registry.acme.dev:5000/app", digestA)},
		},
		"Docker Hub":              {step{"image": "alpine:3.22"}, []config.Image{tagged("index.docker.io/library/alpine:3.22", none)}},
		"one image, blank lines":  {step{"image": "\n  " + v1Tag + " \r\n"}, []config.Image{tagged(v1Tag, none)}},
		"plain http":              {step{"image": v1Tag, "allow-http-registry": "True"}, []config.Image{tagged(v1Tag, none, name.Insecure)}},
		"several, in their order": {step{"image": "b:1\na:1,c:1"}, []config.Image{tagged("b:1", none), tagged("a:1", none), tagged("c:1", none)}},
		"several tags of one digest": {
			step{"image": app + ":v1\n" + app + ":latest\n" + app, "digest": digestA.String()},
			[]config.Image{tagged(app+":v1", digestA), tagged(app+":latest", digestA), pinned(app, digestA)},
		},
		"each with its digest": {
			step{"image": "a@" + digestA.String() + "\nb:1@" + digestB.String()},
			[]config.Image{pinned("a", digestA), tagged("b:1", digestB)},
		},
		"repeated": {
			step{"image": "alpine:3\nb:1\ndocker.io/library/alpine:3\nalpine:3@" + digestA.String()},
			[]config.Image{tagged("alpine:3", none), tagged("b:1", none), tagged("alpine:3", digestA)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := parse(t, newStep(t, tt.with)).Images
			if diff := cmp.Diff(tt.want, got, compare); diff != "" {
				t.Errorf("Images (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImageTag(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"ghcr.io/acme/app:v1":                       "v1",
		"ghcr.io/acme/app:latest@sha256:" + hexA:    "latest",
		"ghcr.io/acme/app@sha256:" + hexA:           "",
		"localhost:5000/acme/app:v1@sha256:" + hexA: "v1",
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			tag, _ := parse(t, newStep(t, step{"image": image})).Images[0].Ref.(name.Tag)
			if have := tag.TagStr(); have != want && (want != "" || tag != (name.Tag{})) {
				t.Errorf("tag %q, want %q", have, want)
			}
		})
	}
}

// FuzzParse: no input makes it panic; a refusal has advice; a list of references that is
// accepted is one that it would accept again, and with a digest each means that digest.
func FuzzParse(f *testing.F) {
	f.Add("ghcr.io/acme/app:v1", "")
	f.Add("ghcr.io/acme/app", "sha256:"+hexA)
	f.Add("ghcr.io/acme/app:v1@sha256:"+hexA, "sha256:"+hexA)
	f.Add("localhost:5000/app:v1", "")
	f.Add("alpine@sha256:"+hexA, "")
	f.Add("GHCR.IO/Acme/App:V1,x", "sha256:")
	f.Add("docker://a:b@c@d", "::")
	f.Add("[::1]:5000/app:v1", "")
	f.Add("a:", " ")
	f.Add("a:1\na:2,a", "sha256:"+hexA)
	f.Add("a:1\nb@sha256:"+hexA, "")
	f.Fuzz(func(t *testing.T, image, digest string) {
		parse := func(image, digest string) (*config.Config, error) {
			return config.Parse(step{"image": image, "digest": digest, "GITHUB_WORKSPACE": "/no/such"}.getenv)
		}
		cfg, err := parse(image, digest)
		if err != nil {
			p, ok := errors.AsType[*problem.Problem](err)
			if !ok || p.Code != problem.InputInvalid || p.What == "" || p.Why == "" || p.Fix == "" {
				t.Fatalf("Parse(%q, %q) refuses without advice: %#v", image, digest, err)
			}
			return
		}
		var written []string
		for _, img := range cfg.Images {
			if _, err := name.ParseReference(img.Ref.Name()); err != nil {
				t.Errorf("Parse(%q, %q) accepts what is no reference: %v", image, digest, err)
			}
			if d, ok := img.Ref.(name.Digest); ok && d.DigestStr() != img.Digest.String() {
				t.Errorf("Parse(%q, %q): reference %s, expected digest %s", image, digest, d, img.Digest)
			}
			s := img.Ref.Name()
			if _, ok := img.Ref.(name.Tag); ok && img.Digest != (v1.Hash{}) {
				s += "@" + img.Digest.String()
			}
			written = append(written, s)
		}
		again, err := parse(strings.Join(written, "\n"), "")
		if err != nil {
			t.Fatalf("Parse(%q, %q) gives %s, which it refuses: %v", image, digest, written, err)
		}
		if diff := cmp.Diff(cfg.Images, again.Images, compare); diff != "" {
			t.Errorf("Parse(%q, %q) again (-first +again):\n%s", image, digest, diff)
		}
	})
}
