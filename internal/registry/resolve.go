package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// Resolve implements [attest.Resolver]. It asks for the manifest and, where the index
// does not tell a platform, for the image's config. An image that is not there may have been
// pushed a moment ago.
func (c *Client) Resolve(ctx context.Context, ref name.Reference, expected v1.Hash, platforms []v1.Platform) (subject *attest.Subject, err error) {
	waits := unsureWaits
	if _, byDigest := ref.(name.Digest); (byDigest || expected != (v1.Hash{})) && !c.options.ReadOnly {
		waits = lateWaits
	}
	err = present(ctx, waits, func() error {
		subject, err = c.resolve(ctx, ref, expected, platforms)
		return err
	})
	return subject, err
}

// Digest implements [attest.Resolver].
func (c *Client) Digest(ctx context.Context, tag name.Tag) (v1.Hash, error) {
	s, err := c.reader(ctx, tag.Context())
	if err != nil {
		return v1.Hash{}, err
	}
	desc, err := remote.Head(tag, s.remote(ctx)...)
	if err != nil {
		return v1.Hash{}, c.explainImage(err, tag)
	}
	return desc.Digest, nil
}

func (c *Client) resolve(ctx context.Context, ref name.Reference, expected v1.Hash, platforms []v1.Platform) (*attest.Subject, error) {
	s, err := c.reader(ctx, ref.Context())
	if err != nil {
		return nil, err
	}
	desc, err := remote.Get(ref, s.remote(ctx)...)
	if err != nil {
		return nil, c.explainImage(err, ref)
	}
	if expected != (v1.Hash{}) && desc.Digest != expected {
		return nil, c.moved(ref, expected, desc.Digest)
	}
	subject := &attest.Subject{Manifest: manifest(s.repo, desc.Descriptor)}
	if tag, ok := ref.(name.Tag); ok {
		subject.Tags = []string{tag.TagStr()}
	}
	switch {
	case desc.MediaType.IsIndex():
		err = c.index(ctx, s, desc, subject)
	case desc.MediaType.IsImage():
		err = c.image(s, desc, subject)
	default:
		err = unsupported(subject.Manifest, string(desc.MediaType))
	}
	if err != nil {
		return nil, err
	}
	return subject, choose(subject, platforms)
}

func manifest(repo name.Repository, d v1.Descriptor) attest.Manifest {
	return attest.Manifest{Ref: repo.Digest(d.Digest.String()), MediaType: d.MediaType, Size: d.Size}
}

// image fills in the one image of a plain manifest, or the type of an artifact.
func (c *Client) image(s *session, desc *remote.Descriptor, subject *attest.Subject) error {
	img, err := desc.Image()
	if err != nil {
		return c.explainImage(err, subject.Ref)
	}
	m, err := img.Manifest()
	if err != nil {
		return fmt.Errorf("read manifest of %s: %w", subject.Ref, err)
	}
	subject.Platforms = 1
	if m.Config.MediaType != types.OCIConfigJSON && m.Config.MediaType != types.DockerConfigJSON {
		subject.ArtifactType = m.ArtifactType
		if subject.ArtifactType == "" {
			subject.ArtifactType = string(m.Config.MediaType)
		}
		subject.Images = []attest.Image{{Manifest: subject.Manifest}}
		return nil
	}
	platform, err := s.configPlatform(img, subject.Ref)
	if err != nil {
		return c.explainImage(err, subject.Ref)
	}
	subject.Images = []attest.Image{{Manifest: subject.Manifest, Platform: platform}}
	return nil
}

// configPlatform reads the config of an image, and keeps both for the download.
func (s *session) configPlatform(img v1.Image, ref name.Digest) (v1.Platform, error) {
	if err := plausible(img, ref); err != nil {
		return v1.Platform{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return v1.Platform{}, err
	}
	s.keep(ref, img)
	p := config.Platform()
	if p == nil {
		return v1.Platform{OS: "unknown", Architecture: "unknown"}, nil
	}
	return *p, nil
}

// keep keeps an image for its download. One with a layer that lies elsewhere, which the library
// reads as long as the image may be asked, is made anew, to end with the download.
func (s *session) keep(ref name.Digest, img v1.Image) {
	m, err := img.Manifest()
	if err != nil || slices.ContainsFunc(m.Layers, func(d v1.Descriptor) bool { return len(d.URLs) > 0 }) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images[ref] = img
}

// Bounds of an index. Indexes within indexes are allowed by the specification, and no
// builder makes more than one level of them.
const (
	maxDepth   = 4
	maxEntries = 1000
)

// index fills in the images of an index, and of the indexes in it.
func (c *Client) index(ctx context.Context, s *session, desc *remote.Descriptor, subject *attest.Subject) error {
	idx, err := desc.ImageIndex()
	if err != nil {
		return c.explainImage(err, subject.Ref)
	}
	w := walk{c: c, s: s, subject: subject, seen: map[v1.Hash]bool{}}
	if err := w.index(ctx, idx, 1); err != nil {
		return err
	}
	subject.Platforms = len(subject.Images)
	if subject.Platforms == 0 {
		return unsupported(subject.Manifest, "an index without images")
	}
	return nil
}

// walk collects the images of an index.
type walk struct {
	c       *Client
	s       *session
	subject *attest.Subject
	seen    map[v1.Hash]bool
	entries int
}

// index adds the images of one index. What BuildKit stores there about an image
// (provenance, SBOM) is no image and is left out.
func (w *walk) index(ctx context.Context, idx v1.ImageIndex, depth int) error {
	m, err := idx.IndexManifest()
	if err != nil {
		return w.c.explainImage(fmt.Errorf("read index: %w", err), w.subject.Ref)
	}
	w.entries += len(m.Manifests)
	switch {
	case w.entries > maxEntries:
		return unsupported(w.subject.Manifest, fmt.Sprintf("an index of more than %d entries", maxEntries))
	case depth > maxDepth:
		return unsupported(w.subject.Manifest, fmt.Sprintf("an index with indexes in it, more than %d levels deep", maxDepth))
	}
	for _, d := range m.Manifests {
		if isAttestation(d) || w.seen[d.Digest] {
			continue
		}
		w.seen[d.Digest] = true
		if err := w.entry(ctx, d, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(ctx context.Context, d v1.Descriptor, depth int) error {
	m := manifest(w.s.repo, d)
	if d.MediaType.IsIndex() {
		nested, err := remote.Index(m.Ref, w.s.remote(ctx)...)
		if err != nil {
			return w.c.explainImage(err, m.Ref)
		}
		return w.index(ctx, nested, depth+1)
	}
	if !d.MediaType.IsImage() {
		return unsupported(w.subject.Manifest, "an index that contains "+string(d.MediaType))
	}
	img := attest.Image{Manifest: m}
	if d.Platform != nil && d.Platform.OS != "" {
		img.Platform = *d.Platform
	} else {
		platform, err := w.c.platformOf(ctx, w.s, m.Ref)
		if err != nil {
			return err
		}
		img.Platform = platform
	}
	w.subject.Images = append(w.subject.Images, img)
	return nil
}

// isAttestation recognises BuildKit's attestation manifests.
// Source: https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
func isAttestation(d v1.Descriptor) bool {
	if d.Annotations["vnd.docker.reference.type"] != "" {
		return true
	}
	return d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

func (c *Client) platformOf(ctx context.Context, s *session, ref name.Digest) (v1.Platform, error) {
	img, err := remote.Image(ref, s.remote(ctx)...)
	if err != nil {
		return v1.Platform{}, c.explainImage(err, ref)
	}
	p, err := s.configPlatform(img, ref)
	if err != nil {
		return v1.Platform{}, c.explainImage(err, ref)
	}
	return p, nil
}

// choose keeps the wanted platforms. One that the image lacks is an error: it would be
// missed by those who rely on its SBOM.
func choose(subject *attest.Subject, wanted []v1.Platform) error {
	if len(wanted) == 0 {
		return nil
	}
	var chosen []attest.Image
	used := make([]bool, len(wanted))
	for _, img := range subject.Images {
		match := false
		for i, w := range wanted {
			if plain(img.Platform).Satisfies(plain(w)) {
				match, used[i] = true, true
			}
		}
		if match {
			chosen = append(chosen, img)
		}
	}
	for i, w := range wanted {
		if !used[i] {
			return platformUnknown(subject, w)
		}
	}
	subject.Images = chosen
	return nil
}

// plain leaves out the variant that is the only one: builders write linux/arm64 and
// linux/arm64/v8 for the same.
func plain(p v1.Platform) v1.Platform {
	if p.Architecture == "arm64" && p.Variant == "v8" {
		p.Variant = ""
	}
	return p
}

func platformUnknown(subject *attest.Subject, wanted v1.Platform) error {
	var has []string
	for _, img := range subject.Images {
		has = append(has, img.Platform.String())
	}
	return &problem.Problem{
		Code: problem.PlatformUnknown,
		What: fmt.Sprintf("The image has no platform %s.", wanted),
		Why:  fmt.Sprintf("%s has %s.", subject.Ref, strings.Join(has, ", ")),
		Fix:  "Write below `with:`\n  platforms: " + strings.Join(has, ",") + "\nor leave the input out for all platforms.",
	}
}
