//go:build load

package load_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// place is a registry of a job.
type place struct {
	name, host string
	private    bool
}

func registriesOf(job *harness.Job) []place {
	return []place{
		{"with referrers", job.Registry, false},
		{"without referrers", job.RegistryNoReferrers, false},
		{"with login", job.RegistryWithLogin, true},
	}
}

// login is what the registry wants of who writes.
func (p place) login(job *harness.Job) remote.Option {
	if p.private {
		return remote.WithAuth(&authn.Basic{Username: job.RegistryUsername, Password: job.RegistryPassword})
	}
	return remote.WithAuth(authn.Anonymous)
}

// whole reads all that is stored: each list and each tag parses, all that they name is there, each
// identity that has sealed an image is found, and nothing is there twice but what a run that failed
// may have left.
func (s *soak) whole(t *testing.T) {
	t.Helper()
	manifests, doubles := 0, 0
	for _, at := range registriesOf(s.clean) {
		repo := suite.Must(name.NewRepository(at.host + "/acme/soak"))(t)
		r := reader{options: []remote.Option{remote.WithContext(t.Context()), at.login(s.clean)}}
		for _, digest := range s.digests {
			found := r.read(t, repo.Digest(digest))
			for process := range soakWorkers {
				key := sealing{at.name, digest, process}
				mine := found[identity(process)]
				if s.sealed[key] != nil && mine[signatureBundle]+mine[signatureTag] == 0 {
					t.Errorf("%s in %s: the signature of %s is lost", digest, at.name, identity(process))
				}
				if s.sealed[key] != nil && mine[documentBundle]+mine[documentTag] == 0 {
					t.Errorf("%s in %s: the SBOM of %s is lost", digest, at.name, identity(process))
				}
				for where, times := range mine {
					most := 1 + s.failed[key]
					if where == documentTag {
						most++ // what was signed as legacy is signed again for a bundle, and kept
					}
					if times > most {
						t.Errorf("%s in %s: %d times %s of %s, of whom %d runs have failed", digest, at.name, times, where, identity(process), s.failed[key])
					}
					doubles += times - 1
				}
			}
		}
		manifests += r.manifests
	}
	t.Logf("%d manifests read, each with all that it names; %d statements stored more than once", manifests, doubles)
}

// reader reads what is attached, and counts.
type reader struct {
	options   []remote.Option
	manifests int
}

// read returns how often each identity is found in each place.
func (r *reader) read(t *testing.T, subject name.Digest) map[string]tally {
	t.Helper()
	found := map[string]tally{}
	add := func(where, owner string) {
		if found[owner] == nil {
			found[owner] = tally{}
		}
		found[owner][where]++
	}
	index := suite.Must(remote.Referrers(subject, r.options...))(t)
	list := suite.Must(index.IndexManifest())(t).Manifests
	seen := map[v1.Hash]bool{}
	for _, d := range list {
		if seen[d.Digest] {
			t.Errorf("%s is listed twice for %s", d.Digest, subject)
		}
		seen[d.Digest] = true
		ref := subject.Context().Digest(d.Digest.String())
		manifest := r.manifest(t, ref)
		if manifest.Subject == nil || manifest.Subject.Digest.String() != subject.DigestStr() {
			t.Errorf("%s is listed for %s, and is about %v", ref, subject, manifest.Subject)
		}
		add(readBundle(t, ref, r.options...))
	}
	tag := strings.Replace(subject.DigestStr(), ":", "-", 1)
	for suffix, where := range map[string]string{".sig": signatureTag, ".att": documentTag} {
		ref := subject.Context().Tag(tag + suffix)
		if _, err := remote.Head(ref, r.options...); err != nil {
			continue // no run was to write it, or its identity is missed above
		}
		for _, owner := range owners(t, ref, r.manifest(t, ref)) {
			add(where, owner)
		}
	}
	return found
}

// manifest reads one, and looks whether its blobs are there.
func (r *reader) manifest(t *testing.T, ref name.Reference) *v1.Manifest {
	t.Helper()
	r.manifests++
	image := suite.Must(remote.Image(ref, r.options...))(t)
	manifest := suite.Must(image.Manifest())(t)
	for _, d := range append(slices.Clone(manifest.Layers), manifest.Config) {
		layer := suite.Must(remote.Layer(ref.Context().Digest(d.Digest.String()), r.options...))(t)
		if size, err := layer.Size(); err != nil || size != d.Size {
			t.Errorf("%s names %s, which has %d bytes and not %d: %v", ref, d.Digest, size, d.Size, err)
		}
	}
	return manifest
}

// verified has cosign judge a part of what was sealed.
func (s *soak) verified(t *testing.T, chance *rand.Rand) {
	t.Helper()
	sealed := slices.SortedFunc(maps.Keys(s.sealed), func(a, b sealing) int {
		return cmp.Or(strings.Compare(a.registry, b.registry), strings.Compare(a.digest, b.digest), a.process-b.process)
	})
	chance.Shuffle(len(sealed), func(i, j int) { sealed[i], sealed[j] = sealed[j], sealed[i] })
	sealed = sealed[:min(len(sealed), 24)]
	for _, key := range sealed {
		for _, at := range registriesOf(s.clean) {
			if at.name != key.registry {
				continue
			}
			ref := fmt.Sprintf("%s/acme/soak@%s", at.host, key.digest)
			args := []string{"--registry-username", s.clean.RegistryUsername, "--registry-password", s.clean.RegistryPassword, ref}
			if !at.private {
				args = []string{ref}
			}
			if !s.hasBundle(key) { // another's bundle would hide the tags
				args = append(args, "--new-bundle-format=false")
			}
			for _, command := range [][]string{{"verify"}, {"verify-attestation", "--type", "spdxjson"}} {
				if err := s.cosign(t.Context(), s.clean, key.process, append(command, args...)...); err != nil {
					t.Error(err)
				}
			}
		}
	}
	t.Logf("cosign has verified the signature and the SBOM of %d", len(sealed))
}

// hasBundle reports whether a run was to store bundles.
func (s *soak) hasBundle(key sealing) bool {
	return slices.ContainsFunc(s.sealed[key], func(c chosen) bool { return c.inputs["signature-format"] != "legacy" })
}
