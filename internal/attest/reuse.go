package attest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/problem"
)

// before is what is stored about an image before this run stores anything.
type before struct {
	looked time.Time
	stored [][]Stored // about each digest that gets a statement
	sigs   error      // why what is under cosign's tags is not known, where bundles may do without
}

// lookAgain is how old may be what was seen: others sign meanwhile, and remove.
const lookAgain = 10 * time.Second

// look finds what is stored about each image. It does so while the signer still gets ready.
func (p *Pipeline) look(ctx context.Context, req Request, res *Result) {
	if req.DryRun || !res.alive() {
		return
	}
	defer p.Progress.Step("Look for what is sealed already", nil)()
	res.each(ctx, func(s *Seal) error { return p.lookAt(ctx, req, s) })
}

// reuse finds in what is there what this workflow has signed before, and takes the bytes of those
// documents that differ from ours in nothing but their time: a run that is repeated then has nothing
// left to sign.
func (p *Pipeline) reuse(ctx context.Context, req Request, res *Result) {
	res.each(ctx, func(s *Seal) error {
		if time.Since(s.before.looked) > lookAgain {
			if err := p.lookAt(ctx, req, s); err != nil {
				return err
			}
		}
		if s.before.sigs != nil && req.Sign.Format == Both {
			return s.before.sigs
		}
		for i, m := range s.Subject.toSign(req) {
			p.open(ctx, req, s, m, s.before.stored[i])
		}
		s.before = nil // which may be large

		if !req.Provided { // the user's own bytes stay
			for _, doc := range s.SBOMs {
				s.adopt(doc)
			}
		}
		return nil
	})
}

// toSign are the digests that get a statement.
func (s *Subject) toSign(req Request) []Manifest {
	if s.IsIndex() && !req.Sign.Recursive && !req.SBOM {
		return []Manifest{s.Manifest}
	}
	return s.digests()
}

// lookAt finds what is stored about the digests of one image.
func (p *Pipeline) lookAt(ctx context.Context, req Request, s *Seal) error {
	start := time.Now()
	digests := s.Subject.toSign(req)
	seen := &before{looked: start, stored: make([][]Stored, len(digests))}
	sigs := make([]error, len(digests))
	find := func(ctx context.Context, i int) (err error) {
		var notSeen error
		seen.stored[i], notSeen, err = p.findReusable(ctx, req, digests[i])
		sigs[i] = unseen(digests[i], notSeen)
		return unseen(digests[i], err)
	}
	if err := find(ctx, 0); err != nil { // whose answer says what the registry can do
		return err
	}
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(maxFinds)
	for i := 1; i < len(digests); i++ {
		group.Go(func() error { return find(all, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	seen.sigs = cmp.Or(sigs...)
	s.before = seen
	if req.Sign.Format == Legacy {
		p.warnOfBundles(ctx, s.Subject.Manifest)
	}
	p.Log.InfoContext(ctx, "looked at "+s.Subject.Ref.String(), slog.Int("attachments", len(slices.Concat(seen.stored...))), took(start))
	return nil
}

// unseen says what could not be looked at; nil for nil.
func unseen(m Manifest, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("look for attachments of %s: %w", m.Ref, err)
}

// maxFinds bounds the digests that are looked at together.
const maxFinds = 8

// findReusable finds what could be used again. Where bundles are signed too, what keeps it from
// cosign's tags is told beside: the log may have nothing to sign for these.
func (p *Pipeline) findReusable(ctx context.Context, req Request, m Manifest) (all []Stored, sigs, err error) {
	for _, form := range req.Sign.Format.reusable() {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		stored, err := p.Attacher.Find(ctx, m, []Form{form})
		switch {
		case err == nil:
			all = append(all, stored...)
		case !form.IsTag() || req.Sign.Format != Both:
			return nil, nil, err
		case problem.From(err).Code != problem.TagsRefused: // else the attempt to write there will say so
			sigs = err
		}
	}
	return all, sigs, nil
}

// open keeps what this workflow has signed, in a form that is wanted.
func (p *Pipeline) open(ctx context.Context, req Request, s *Seal, m Manifest, stored []Stored) {
	for _, one := range stored {
		if !slices.Contains(req.Sign.Format.reusable(), one.Form) {
			continue
		}
		b, err := p.Verifier.Verify(one, m)
		if err != nil { // another's, or of another Sigstore: not ours to judge
			p.Log.DebugContext(ctx, "not signed by this workflow", slog.String("digest", one.Manifest.Ref.DigestStr()), slog.String("error", err.Error()))
			continue
		}
		b.Existing = true
		s.stored = append(s.stored, &found{stored: one, bundle: b})
	}
}

// reusable are the forms in which what was signed before could be used again.
func (f SignatureFormat) reusable() []Form {
	switch f {
	case Bundles:
		return []Form{FormBundle}
	case Legacy:
		return []Form{FormSig, FormAtt}
	default:
		return []Form{FormBundle, FormSig}
	}
}

// warnOfBundles tells of bundles that hide what old verifiers read. A registry that has no
// place for them has none.
func (p *Pipeline) warnOfBundles(ctx context.Context, m Manifest) {
	if bundles, err := p.Attacher.Find(ctx, m, []Form{FormBundle}); err == nil && len(bundles) > 0 {
		p.Log.WarnContext(ctx, fmt.Sprintf("%s has a bundle already. cosign 2.6 and later look at bundles alone where there is one, and will not see what `signature-format: legacy` adds. Write `signature-format: both`.", m.Ref))
	}
}

// adopt replaces the documents of sbom by signed ones that say the same.
func (s *Seal) adopt(sbom *SBOM) {
	for i, doc := range sbom.Documents {
		for _, f := range s.stored {
			st := f.bundle.Statement
			if st.About.Ref != sbom.Image.Ref || st.PredicateType == "" || st.PredicateType != doc.Format.PredicateType() {
				continue
			}
			if signed := predicate(st.Payload); sameDocument(signed, doc.Bytes) {
				sbom.Documents[i].Bytes = signed
				break
			}
		}
	}
}

// predicate returns the predicate of an in-toto statement, byte for byte.
func predicate(payload []byte) []byte {
	var st struct {
		Predicate json.RawMessage `json:"predicate"`
	}
	if json.Unmarshal(payload, &st) != nil {
		return nil
	}
	// Our statements end with it. The decoder drops the space around it, which is signed too.
	_, rest, _ := bytes.Cut(payload, []byte(`,"predicate":`))
	if rest = bytes.TrimSuffix(rest, []byte("}")); bytes.Equal(bytes.TrimSpace(rest), st.Predicate) {
		return rest
	}
	return st.Predicate
}

// signed returns what was signed before with exactly this payload, in one of the forms in
// which it is wanted now; nil if there is nothing.
func (s *Seal) signed(st *Statement, f SignatureFormat) *found {
	form := FormSig
	if !st.IsSimpleSigning() {
		form = FormAtt
		if f.bundles() {
			form = FormBundle
		}
	}
	for _, candidate := range s.stored {
		b := candidate.bundle.Statement
		if slices.Contains(forms(st, f), FormAtt) && candidate.bundle.Layer.Empty() {
			continue // a log of version 2 has it, which gives old verifiers nothing
		}
		if candidate.stored.Form == form && b.About.Ref == st.About.Ref && b.PredicateType == st.PredicateType && bytes.Equal(b.Payload, st.Payload) {
			return candidate
		}
	}
	return nil
}
