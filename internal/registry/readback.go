package registry

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

// readBackWaits is how long a registry may take to show what it has accepted.
var readBackWaits = []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// ReadBack implements [attest.Attacher].
func (c *Client) ReadBack(ctx context.Context, repo name.Repository, attachments []*attest.Attachment) ([]attest.Stored, error) {
	s, err := c.writer(ctx, repo)
	if err != nil {
		return nil, err
	}
	groups := byImage(attachments)
	found := make([]map[*attest.Attachment]attest.Stored, len(groups))
	err = atOnce(len(groups), func(i int) error {
		found[i] = map[*attest.Attachment]attest.Stored{}
		if err := s.readBack(ctx, groups[i], found[i]); err != nil {
			return c.explainReadBack(err, groups[i].about)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := map[*attest.Attachment]attest.Stored{}
	for _, of := range found {
		maps.Copy(all, of)
	}
	out := make([]attest.Stored, len(attachments))
	for i, a := range attachments {
		out[i] = all[a]
	}
	return out, nil
}

// readBack finds the attachments of one image, asking again while the registry does not
// show them all, or breaks off. What another writer has overwritten meanwhile is added again.
func (s *session) readBack(ctx context.Context, g *group, found map[*attest.Attachment]attest.Stored) error {
	var missing []*attest.Attachment
	var broken error
	for i, wait := range readBackWaits {
		if err := httpstack.Wait(ctx, wait); err != nil {
			return err
		}
		missing, broken = s.look(ctx, g, found)
		if broken != nil && !brokenOff(broken) {
			return broken
		}
		if broken == nil && len(missing) == 0 {
			return nil
		}
		if i == len(readBackWaits)-1 {
			break
		}
		if err := s.repair(ctx, missing); err != nil {
			return err
		}
	}
	if broken != nil {
		return broken
	}
	return &problem.Problem{
		Code: problem.ReadBackMissing,
		What: fmt.Sprintf("%s does not show what it has stored.", s.repo.RegistryStr()),
		Why:  fmt.Sprintf("The manifest %s was accepted, but cannot be found from %s.", missing[0].Manifest.Ref.DigestStr(), g.about.Ref),
		Fix:  "Run the job again. If that does not help, another job that signs the same image may overwrite the list: give both the same `concurrency:` group.",
	}
}

// look adds to found what can be found as a verifier does it, and returns what is not there. An
// error of [brokenOff] is of what may be there: the rest was looked for all the same.
func (s *session) look(ctx context.Context, g *group, found map[*attest.Attachment]attest.Stored) (missing []*attest.Attachment, err error) {
	referrers, err := s.lookAmongReferrers(ctx, g, found)
	if err != nil && !brokenOff(err) {
		return nil, err
	}
	tags, tagsErr := s.lookUnderTags(ctx, g, found)
	return append(referrers, tags...), cmp.Or(tagsErr, err)
}

func (s *session) lookAmongReferrers(ctx context.Context, g *group, found map[*attest.Attachment]attest.Stored) (missing []*attest.Attachment, broken error) {
	if len(g.referrers) == 0 {
		return nil, nil
	}
	list, err := s.list(ctx, g.about)
	if err != nil {
		return nil, err
	}
	contents, errs := make([][]byte, len(g.referrers)), make([]error, len(g.referrers))
	_ = atOnce(len(g.referrers), func(i int) error {
		a := g.referrers[i]
		if _, read := found[a]; !read && contains(list, a.Manifest.Digest()) { // else it was in an earlier round: its digest is its content
			contents[i], errs[i] = s.onlyLayer(ctx, a.Manifest)
		}
		return nil
	})
	for i, a := range g.referrers {
		switch err := errs[i]; {
		case !contains(list, a.Manifest.Digest()), notFound(err):
			missing = append(missing, a) // or listed, and not served everywhere yet
		case brokenOff(err):
			broken = err
		case err != nil:
			return nil, err
		case contents[i] != nil:
			found[a] = attest.Stored{Form: a.Form, Manifest: a.Manifest, Content: contents[i]}
		}
	}
	return missing, broken
}

func (s *session) lookUnderTags(ctx context.Context, g *group, found map[*attest.Attachment]attest.Stored) (missing []*attest.Attachment, broken error) {
	for _, form := range tagForms {
		wanted := g.under(form)
		if len(wanted) == 0 {
			continue
		}
		layers, err := s.findLayers(ctx, g.about, form, ours(wanted))
		if brokenOff(err) {
			broken = err
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, a := range wanted {
			if stored, ok := among(layers, a); ok {
				found[a] = stored
			} else {
				missing = append(missing, a)
			}
		}
	}
	return missing, broken
}

// ours chooses the layers that have the content of an attachment: under a tag there may be
// hundreds of others.
func ours(made []*attest.Attachment) func([]v1.Descriptor) []v1.Descriptor {
	wanted := map[v1.Hash]bool{}
	for _, a := range made {
		digest, _, _ := v1.SHA256(bytes.NewReader(layerContent(a))) // memory can be read
		wanted[digest] = true
	}
	return func(layers []v1.Descriptor) []v1.Descriptor {
		return slices.DeleteFunc(slices.Clone(layers), func(d v1.Descriptor) bool { return !wanted[d.Digest] })
	}
}

// layerContent is the layer of an attachment under one of cosign's tags.
func layerContent(a *attest.Attachment) []byte {
	if a.Bundle == nil {
		return a.Document.Bytes
	}
	return a.Bundle.Layer.Content
}

// among finds an attachment among the layers of its tag.
func among(layers []attest.Stored, a *attest.Attachment) (attest.Stored, bool) {
	for _, l := range layers {
		switch {
		case !bytes.Equal(l.Layer.Content, layerContent(a)):
		case a.Bundle == nil:
			return attest.Stored{Form: a.Form, Manifest: l.Manifest, Content: l.Layer.Content}, true
		case l.Layer.Signature == a.Bundle.Layer.Signature:
			return l, true
		}
	}
	return attest.Stored{}, false
}

// repair adds what is missing to the tags that several writers write.
func (s *session) repair(ctx context.Context, missing []*attest.Attachment) error {
	groups := byImage(missing)
	for _, g := range groups {
		var err error
		if g.manifests, err = referrers(g); err != nil {
			return err
		}
	}
	return s.makeVisible(ctx, groups)
}
