package registry

import (
	"context"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/oci/empty"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"seal-image/internal/attest"
)

// suffixes of cosign's tags, by what is under them.
// Source: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#tag-based-discovery
var suffixes = map[attest.Form]string{attest.FormSig: ".sig", attest.FormAtt: ".att", attest.FormTag: ".sbom"}

// cosignTag is e.g. "sha256-<hex>.sig".
func cosignTag(m attest.Manifest, form attest.Form) string { return fallbackName(m) + suffixes[form] }

// maxLayers is how many layers cosign reads under a tag.
const maxLayers = 1000

// cosignTags are the tags of a form that the group's attachments go to: one, or none.
func (s *session) cosignTags(g *group, form attest.Form) []*shared {
	made := g.under(form)
	if len(made) == 0 {
		return nil
	}
	tag := cosignTag(g.about, form)
	merge := func(ctx context.Context) (*tagged, error) { return s.addLayers(ctx, tag, made) }
	if form == attest.FormTag {
		merge = s.replaceOnce(tag, made[0])
	}
	return []*shared{{
		about: g.about, tag: tag, made: made, merge: merge,
		refused: func(err error) error { return tagRefused(g.about, tag, err) },
	}}
}

// addLayers appends to the manifest under a tag the layers that it lacks. Layers of others
// stay as they are.
func (s *session) addLayers(ctx context.Context, tag string, made []*attest.Attachment) (*tagged, error) {
	base, err := s.taggedImage(ctx, tag)
	if err != nil {
		return nil, err
	}
	have, err := base.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read tag %s: %w", tag, err)
	}
	if slices.ContainsFunc(have.Layers, func(l v1.Descriptor) bool { return l.Digest == (v1.Hash{}) }) {
		// Written back by the library, it would be read by nobody.
		return nil, tagTaken(s.repo.Tag(tag), "has a layer without digest")
	}
	adds, added, err := lacking(have.Layers, made)
	if err != nil {
		return nil, err
	}
	if len(adds) == 0 {
		return nil, s.pointTo(made, base)
	}
	if n := len(have.Layers) + len(adds); n > maxLayers {
		return nil, tooManyLayers(tag, n)
	}
	merged, err := mutate.Append(base, adds...)
	if err != nil {
		return nil, fmt.Errorf("extend tag %s: %w", tag, err)
	}
	next, err := s.storeTagged(ctx, merged, adds...)
	if err != nil {
		return nil, err
	}
	next.added = added
	return next, s.pointTo(made, merged)
}

// replaceOnce writes a document at most once: of several runs, the last one has the tag.
func (s *session) replaceOnce(tag string, a *attest.Attachment) func(context.Context) (*tagged, error) {
	written := false
	return func(ctx context.Context) (*tagged, error) {
		if written {
			return nil, nil
		}
		next, err := s.replaceFile(ctx, tag, a)
		written = next != nil
		return next, err
	}
}

// replaceFile puts a document under a tag, as `cosign attach sbom` does: there is room for one.
func (s *session) replaceFile(ctx context.Context, tag string, a *attest.Attachment) (*tagged, error) {
	made := []*attest.Attachment{a}
	file, err := static.NewFile(a.Document.Bytes, static.WithLayerMediaType(types.MediaType(a.Document.Format.AttachedMediaType())))
	if err != nil {
		return nil, fmt.Errorf("make file: %w", err)
	}
	have, err := s.taggedImage(ctx, tag)
	if err != nil {
		return nil, err
	}
	want, err := file.Digest()
	if err != nil {
		return nil, err
	}
	if digest, err := have.Digest(); err == nil && digest == want {
		return nil, s.pointTo(made, have)
	}
	layers, err := file.Layers()
	if err != nil {
		return nil, err
	}
	next, err := s.storeTagged(ctx, file, mutate.Addendum{Layer: layers[0]})
	if err != nil {
		return nil, err
	}
	next.added, next.replaces = made, true
	return next, s.pointTo(made, file)
}

// storeTagged stores the new layers and the config of img, and returns its manifest.
func (s *session) storeTagged(ctx context.Context, img v1.Image, layers ...mutate.Addendum) (*tagged, error) {
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	blobs := [][]byte{config}
	for _, l := range layers {
		content, err := l.Layer.Compressed()
		if err != nil {
			return nil, err
		}
		blob, err := io.ReadAll(content)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, blob)
	}
	if err := s.putEach(ctx, blobs); err != nil {
		return nil, err
	}
	raw, err := img.RawManifest()
	if err != nil {
		return nil, err
	}
	mediaType, err := img.MediaType()
	if err != nil {
		return nil, err
	}
	return &tagged{mediaType: mediaType, raw: raw}, nil
}

// pointTo notes in attachments which manifest holds them.
func (s *session) pointTo(made []*attest.Attachment, img v1.Image) error {
	m, err := s.manifestOf(img)
	if err != nil {
		return err
	}
	for _, a := range made {
		a.Manifest = m
	}
	return nil
}

// manifestOf is where img is in the repository, or will be.
func (s *session) manifestOf(img v1.Image) (attest.Manifest, error) {
	desc, err := partial.Descriptor(img)
	if err != nil {
		return attest.Manifest{}, err
	}
	return manifest(s.repo, *desc), nil
}

// taggedImage reads what is under one of cosign's tags; an image without layers if there
// is nothing yet.
func (s *session) taggedImage(ctx context.Context, tag string) (v1.Image, error) {
	desc, err := remote.Get(s.repo.Tag(tag), s.remote(ctx)...)
	if s.absentTag(ctx, tag, err) {
		return empty.Signatures(), nil
	}
	if err != nil {
		return nil, err
	}
	if !desc.MediaType.IsImage() {
		return nil, tagTaken(s.repo.Tag(tag), "is of the type "+string(desc.MediaType))
	}
	return desc.Image()
}
