package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/empty"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// suffixes of cosign's tags, by what is under them.
// Source: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#tag-based-discovery
var suffixes = map[attest.Form]string{attest.FormSig: ".sig", attest.FormAtt: ".att", attest.FormTag: ".sbom"}

// cosignTag is e.g. "sha256-<hex>.sig".
func cosignTag(m attest.Manifest, form attest.Form) string { return fallbackName(m) + suffixes[form] }

// maxLayers is how many layers cosign reads under a tag.
const maxLayers = 1000

// cosignTags are the tags that the group's attachments go to.
func (s *session) cosignTags(g *group) []*shared {
	var out []*shared
	for _, form := range tagForms {
		made := g.under(form)
		if len(made) == 0 {
			continue
		}
		tag := cosignTag(g.about, form)
		merge := func(ctx context.Context) (*tagged, error) { return s.addLayers(ctx, tag, made) }
		if form == attest.FormTag {
			merge = s.replaceOnce(tag, made[0])
		}
		out = append(out, &shared{
			about: g.about, tag: tag, made: made, merge: merge,
			refused: func(err error) error { return tagRefused(g.about, tag, err) },
		})
	}
	return out
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
	var adds []mutate.Addendum
	var added []*attest.Attachment
	for _, a := range made {
		add, err := addendum(a)
		if err != nil {
			return nil, err
		}
		if layerIndex(have.Layers, add) < 0 {
			adds, added = append(adds, add), append(added, a)
		}
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
	for _, l := range layers {
		content, err := l.Layer.Compressed()
		if err != nil {
			return nil, err
		}
		blob, err := io.ReadAll(content)
		if err != nil {
			return nil, err
		}
		if err := s.putBlob(ctx, blob); err != nil {
			return nil, err
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	if err := s.putBlob(ctx, config); err != nil {
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

// addendum is the layer of a bundle.
func addendum(a *attest.Attachment) (mutate.Addendum, error) {
	l := a.Bundle.Layer
	var entry bundle.RekorBundle
	if err := json.Unmarshal(l.LogEntry, &entry); err != nil {
		return mutate.Addendum{}, fmt.Errorf("read log entry: %w", err)
	}
	var options []static.Option
	if a.Form == attest.FormAtt {
		options = append(options,
			static.WithLayerMediaType(envelopeType),
			static.WithAnnotations(map[string]string{"predicateType": a.Bundle.Statement.PredicateType}))
	}
	options = append(options, static.WithCertChain(l.Certificate, l.Chain), static.WithBundle(&entry))
	layer, err := static.NewSignature(l.Content, l.Signature, options...)
	if err != nil {
		return mutate.Addendum{}, fmt.Errorf("make layer: %w", err)
	}
	annotations, err := layer.Annotations()
	return mutate.Addendum{Layer: layer, Annotations: annotations}, err
}

// envelopeType is the media type of a DSSE envelope.
// Source: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
const envelopeType types.MediaType = "application/vnd.dsse.envelope.v1+json"

// sameProof reports whether two layers of the same content have the same signature,
// certificate and log entry. Without those a verifier finds nothing.
func sameProof(a, b map[string]string) bool {
	for _, key := range []string{static.SignatureAnnotationKey, static.CertificateAnnotationKey, static.BundleAnnotationKey} {
		if a[key] != b[key] {
			return false
		}
	}
	return true
}

// layerIndex finds a layer among others: signatures of one payload have the same content,
// and differ in the annotations; -1 if it is not there.
func layerIndex(layers []v1.Descriptor, want mutate.Addendum) int {
	digest, err := want.Layer.Digest()
	if err != nil {
		return -1
	}
	for i, l := range layers {
		if l.Digest == digest && sameProof(l.Annotations, want.Annotations) {
			return i
		}
	}
	return -1
}

// tagRefused recognises a registry that does not let a tag be written. By then, what
// verifiers of today read is stored.
func tagRefused(m attest.Manifest, tag string, err error) error {
	status, ok := refusal(err)
	if terr, is := errors.AsType[*transport.Error](err); is && terr.StatusCode == http.StatusForbidden {
		status, ok = terr.StatusCode, true
	}
	if !ok {
		return err
	}
	readers := "Verifiers older than cosign 2.6 look there for what belongs to"
	if isFile(tag) {
		readers = "`cosign download sbom` looks there for the SBOM of"
	}
	return &problem.Problem{
		Code: problem.TagsRefused,
		What: fmt.Sprintf("The registry refuses the tag %s.", tag),
		Why:  fmt.Sprintf("%s %s, and the registry answered %d: %s.", readers, m.Ref, status, words(err)),
		Fix:  "If the repository has immutable tags, exempt those that start with sha256- from that. Or " + without(tag),
		Err:  err,
	}
}

func tooManyLayers(tag string, n int) error {
	return &problem.Problem{
		Code: problem.TagsRefused,
		What: fmt.Sprintf("The tag %s is full.", tag),
		Why:  fmt.Sprintf("It would have %d signatures, and cosign reads %d at most.", n, maxLayers),
		Fix:  fmt.Sprintf("Delete the tag %s and run the job again, or %s", tag, without(tag)),
	}
}

// tagTaken explains a tag of cosign's under which somebody keeps something else, of which the
// predicate of a sentence says what it is.
func tagTaken(tag name.Tag, predicate string) error {
	return &problem.Problem{
		Code: problem.TagsRefused,
		What: fmt.Sprintf("The tag %s is taken.", tag.TagStr()),
		Why:  fmt.Sprintf("cosign expects an image manifest there. In %s it %s, which is not ours to replace.", tag.Context(), predicate),
		Fix:  fmt.Sprintf("If nobody needs it, delete the tag %s and run the job again. Or %s", tag.TagStr(), without(tag.TagStr())),
	}
}

// isFile reports whether a tag is that of a document.
func isFile(tag string) bool { return strings.HasSuffix(tag, suffixes[attest.FormTag]) }

// without is how to do without a tag.
func without(tag string) string {
	if isFile(tag) {
		return "leave `tag` out of attach-sbom."
	}
	return "sign for newer verifiers alone:\n  signature-format: bundle"
}
