package attest

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// sign sets the bundles of each image, also of one that fails half way, and plans where
// they and the documents go.
func (p *Pipeline) sign(ctx context.Context, req Request, res *Result) {
	if !res.alive() {
		return
	}
	ctx, done := p.step(ctx, "Sign and log")
	defer done()
	signed := map[string]*Bundle{} // by what they say: images of one run may share a platform
	res.each(ctx, func(s *Seal) error { return p.signOne(ctx, req, s, signed) })
}

// signOne signs what is not signed yet about one image, by an earlier run or for another image.
func (p *Pipeline) signOne(ctx context.Context, req Request, s *Seal, signed map[string]*Bundle) error {
	start := time.Now()
	statements, err := Statements(s.Subject, s.SBOMs, req.Sign)
	if err != nil {
		return err
	}
	known := map[*Statement]*found{}
	var missing []*Statement
	for _, st := range statements {
		if f := s.signed(st, req.Sign.Format); f != nil {
			f.bundle.Statement = st
			known[st] = f
			continue
		}
		if b := signed[st.key()]; b != nil {
			same := *b
			same.Statement, same.Existing = st, true
			known[st] = &found{bundle: &same}
			continue
		}
		missing = append(missing, st)
	}
	made, err := p.signMissing(ctx, missing)
	for st, b := range made {
		signed[st.key()] = b
	}
	s.plan(req, statements, known, made)
	if err != nil {
		return fmt.Errorf("sign %s: %w", s.Subject.Ref, err)
	}
	p.Log.InfoContext(ctx, "verified", slog.String("digest", s.Subject.Ref.DigestStr()),
		slog.Int("bundles", len(made)), slog.Int("existing", len(known)), took(start))
	return nil
}

// signMissing returns the bundles that became public, by their statements.
func (p *Pipeline) signMissing(ctx context.Context, statements []*Statement) (map[*Statement]*Bundle, error) {
	made := map[*Statement]*Bundle{}
	if len(statements) == 0 {
		return made, nil
	}
	Advance(ctx, Logged, 0, int64(len(statements)))
	bundles, err := p.Signer.Sign(ctx, statements)
	for _, b := range bundles {
		made[b.Statement] = b
		p.Log.InfoContext(ctx, "logged "+title(b.Statement), slog.String("digest", b.Statement.About.Ref.DigestStr()),
			slog.Int64("log-index", b.Entry.Index), slog.Duration("took", b.Took))
	}
	return made, err
}

// plan lists the bundles in the order of their statements, and where they and the
// documents belong.
func (s *Seal) plan(req Request, statements []*Statement, known map[*Statement]*found, made map[*Statement]*Bundle) {
	for _, st := range statements {
		b := made[st]
		f := known[st]
		if f != nil {
			b = f.bundle
		}
		if b == nil {
			continue
		}
		s.Bundles = append(s.Bundles, b)
		for _, form := range forms(st, req.Sign.Format) {
			a := &Attachment{Form: form, About: st.About, Bundle: b, State: Planned}
			if f != nil && f.stored.Form == form {
				a.State, a.Manifest = Existing, f.stored.Manifest
			}
			s.Attachments = append(s.Attachments, a)
		}
	}
	for _, sbom := range s.SBOMs {
		s.planDocuments(req, sbom.Image.Manifest, sbom)
		if s.Subject.IsIndex() && s.Subject.Platforms == 1 {
			s.planDocuments(req, s.Subject.Manifest, sbom) // the only digest that the user knows
		}
	}
}

// forms are the ways in which a signed statement is stored, those of new verifiers first.
func forms(st *Statement, f SignatureFormat) []Form {
	switch {
	case st.IsSimpleSigning():
		return []Form{FormSig}
	case st.IsSignature() || f == Bundles:
		return []Form{FormBundle}
	case f == Legacy:
		return []Form{FormAtt}
	default:
		return []Form{FormBundle, FormAtt}
	}
}

// planDocuments plans the unsigned documents. The tag has room for one.
func (s *Seal) planDocuments(req Request, about Manifest, sbom *SBOM) {
	for i := range sbom.Documents {
		doc := &sbom.Documents[i]
		if req.AttachReferrer {
			s.Attachments = append(s.Attachments, &Attachment{Form: FormReferrer, About: about, Document: doc, State: Planned})
		}
		if req.AttachTag && i == 0 {
			s.Attachments = append(s.Attachments, &Attachment{Form: FormTag, About: about, Document: doc, State: Planned})
		}
	}
}

// title names a statement for a line of the log, e.g. "SBOM of linux/amd64".
func title(s *Statement) string {
	what, of := "SBOM", s.Platform
	switch {
	case s.IsSimpleSigning():
		what = "signature for tags"
	case s.IsSignature():
		what = "signature"
	case s.IsProvenance():
		what = "provenance"
	case s.PredicateType == CycloneDXPredicateType:
		what = "CycloneDX SBOM"
	}
	switch {
	case of != "":
	case s.About.MediaType.IsIndex():
		of = "the index"
	default:
		of = "the artifact"
	}
	return what + " of " + of
}
