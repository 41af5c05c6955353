package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// Attach implements [attest.Attacher]. First come all blobs of referrers, then their
// manifests, the signatures last; on a registry without the referrers API one write of
// the fallback index per image then makes them visible together. cosign's tags come last,
// so that a registry that refuses them has the rest.
func (c *Client) Attach(ctx context.Context, repo name.Repository, planned []*attest.Attachment) error {
	defer forget(planned)
	s, err := c.writer(ctx, repo)
	if err != nil {
		return err
	}
	groups := byImage(planned)
	if len(groups) == 0 {
		return nil
	}
	for _, g := range groups {
		if err := s.prepare(ctx, g); err != nil {
			return c.explainAttach(err, g.about)
		}
	}
	if err := s.putBlobs(ctx, groups); err != nil {
		return c.explainAttach(err, groups[0].about)
	}
	if err := c.putManifests(ctx, s, groups); err != nil {
		return err
	}
	if err := s.makeVisible(ctx, groups); err != nil {
		return c.explainShared(err)
	}
	return nil
}

// forget takes the manifest from attachments that cannot be found.
func forget(planned []*attest.Attachment) {
	for _, a := range planned {
		if !a.InRegistry() {
			a.Manifest = attest.Manifest{}
		}
	}
}

// group are the attachments about one digest, by where they go.
type group struct {
	about     attest.Manifest
	referrers []*attest.Attachment
	manifests []referrer // of the referrers, in their order
	tags      []*attest.Attachment
}

// tagForms are those that are under a tag, the signature last.
var tagForms = []attest.Form{attest.FormTag, attest.FormAtt, attest.FormSig}

// under returns what goes to the tag of a form.
func (g *group) under(form attest.Form) (out []*attest.Attachment) {
	for _, a := range g.tags {
		if a.Form == form {
			out = append(out, a)
		}
	}
	return out
}

// byImage groups attachments by what they are about, in the order of their first ones.
func byImage(planned []*attest.Attachment) []*group {
	var out []*group
	known := map[name.Digest]*group{}
	for _, a := range planned {
		g := known[a.About.Ref]
		if g == nil {
			g = &group{about: a.About}
			known[a.About.Ref] = g
			out = append(out, g)
		}
		if a.Form.IsTag() {
			g.tags = append(g.tags, a)
		} else {
			g.referrers = append(g.referrers, a)
		}
	}
	return out
}

// prepare makes the referrers of one image, and finds out which of them are there.
func (s *session) prepare(ctx context.Context, g *group) (err error) {
	if len(g.referrers) == 0 {
		return nil
	}
	listed, err := s.listed(ctx, g.about)
	if err != nil {
		return err
	}
	if g.manifests, err = referrers(g); err != nil {
		return err
	}
	for _, r := range g.manifests {
		r.a.Manifest = manifest(s.repo, r.desc)
		if !contains(listed, r.desc.Digest) {
			continue
		}
		exists, err := s.exists(ctx, r.desc.Digest)
		if err != nil {
			return err
		}
		if exists {
			r.a.State = attest.Existing
		}
	}
	return nil
}

// putBlobs stores the blobs of the referrers that are new.
func (s *session) putBlobs(ctx context.Context, groups []*group) error {
	var blobs [][]byte
	for _, g := range groups {
		for _, r := range g.manifests {
			if r.a.State != attest.Existing {
				blobs = append(blobs, emptyConfig, r.content)
			}
		}
	}
	return s.putEach(ctx, blobs)
}

// putManifests stores the new referrers. With the referrers API they are visible then; else they
// wait for the index. A signature comes after what it makes trusted, and of either kind that of the
// last group, which may be made of the others, after theirs.
func (c *Client) putManifests(ctx context.Context, s *session, groups []*group) error {
	var inTurn [3][]referrer
	for i, g := range groups {
		for _, r := range g.manifests {
			turn := 0
			if r.a.IsSignature() {
				turn++
			}
			if i == len(groups)-1 {
				turn++
			}
			if r.a.State != attest.Existing {
				inTurn[turn] = append(inTurn[turn], r)
			}
		}
	}
	for _, some := range inTurn {
		err := atOnce(len(some), func(i int) error {
			if err := s.putReferrer(ctx, some[i]); err != nil {
				return c.explainAttach(err, some[i].a.About)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) putReferrer(ctx context.Context, r referrer) error {
	api, err := s.hasReferrersAPI(ctx, r.a.About)
	if err != nil {
		return err
	}
	if err := s.putManifest(ctx, r.desc.Digest.String(), r.desc.MediaType, r.raw); err != nil {
		return refused(err)
	}
	if api {
		r.a.State = attest.New
	}
	return nil
}

// The turns in which tags are written: those of one side by side.
const (
	turnIndexes = iota
	turnLastIndex
	turnSBOM
	turnAtt
	turnSig
	turnLastSig
	turns
)

// makeVisible writes what several writers write: the fallback indexes, then cosign's tags, the
// signatures last. Of these and of the indexes, those of the last group come after the others:
// an image of several platforms is not to be signed before they are, nor if one of them could not be.
func (s *session) makeVisible(ctx context.Context, groups []*group) error {
	var tags [turns][]*shared
	for i, g := range groups {
		last := 0
		if i == len(groups)-1 {
			last = 1
		}
		tags[turnSBOM] = append(tags[turnSBOM], s.cosignTags(g, attest.FormTag)...)
		tags[turnAtt] = append(tags[turnAtt], s.cosignTags(g, attest.FormAtt)...)
		tags[turnSig+last] = append(tags[turnSig+last], s.cosignTags(g, attest.FormSig)...)
		if len(g.manifests) == 0 {
			continue
		}
		api, err := s.hasReferrersAPI(ctx, g.about)
		if err != nil {
			return err
		}
		if !api {
			tags[turnIndexes+last] = append(tags[turnIndexes+last], s.fallbackTag(g))
		}
	}
	return s.converge(ctx, tags[:])
}

// explainShared explains why tags could not be written. A refusal of cosign's tags counts
// only if nothing else failed.
func (c *Client) explainShared(err error) error {
	var refusal error
	for _, one := range split(err) {
		failed, ok := errors.AsType[*sharedError](one)
		if !ok {
			return one
		}
		explained := c.explainAttach(failed.err, failed.about)
		if problem.From(explained).Code != problem.TagsRefused {
			return explained
		}
		refusal = explained
	}
	return refusal
}

// split returns the errors that were joined.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// sharedError is the failure of one tag.
type sharedError struct {
	about attest.Manifest
	tag   string
	err   error
}

func (e *sharedError) Error() string { return fmt.Sprintf("tag %s: %v", e.tag, e.err) }
func (e *sharedError) Unwrap() error { return e.err }
