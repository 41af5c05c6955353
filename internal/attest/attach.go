package attest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/problem"
)

// attach stores what is planned, image by image: of each digest the SBOM before the signature,
// and of either that of the platforms before that of the index. Then it looks whether the tags are still those of the
// image.
func (p *Pipeline) attach(ctx context.Context, req Request, res *Result) {
	if !res.alive() {
		return
	}
	ctx, done := p.step(ctx, "Attach, read back and verify")
	defer done()
	res.each(ctx, func(s *Seal) error {
		err := p.store(ctx, req, s)
		if err == nil {
			p.checkTags(ctx, s.Subject)
		}
		return err
	})
}

// store stores what is planned for one image, and reads it back.
func (p *Pipeline) store(ctx context.Context, req Request, s *Seal) error {
	planned := s.planned()
	if err := p.attachTo(ctx, req, s.Subject, planned); err != nil {
		return err
	}
	if slices.IndexFunc(planned, func(a *Attachment) bool { return a.State != Existing }) < 0 {
		p.Log.InfoContext(ctx, "nothing to attach: all of it is there", slog.String("digest", s.Subject.Ref.DigestStr()))
		return nil
	}
	return p.readBack(ctx, s.Subject, planned)
}

func (p *Pipeline) attachTo(ctx context.Context, req Request, subject *Subject, planned []*Attachment) error {
	if len(planned) == 0 {
		return nil
	}
	err := attaching.forEach(len(planned)).spend(ctx, subject.Manifest, func(ctx context.Context) error {
		return p.Attacher.Attach(ctx, subject.Ref.Context(), planned)
	})
	for _, a := range planned {
		if a.State == New {
			p.Log.InfoContext(ctx, "attached "+a.title(), slog.String("as", string(a.Form)), slog.String("digest", a.Manifest.Ref.DigestStr()))
		}
	}
	if err != nil {
		return p.mayGoOn(ctx, req, planned, fmt.Errorf("attach to %s: %w", subject.Ref, err))
	}
	return nil
}

// planned are the attachments that are still to be made.
func (s *Seal) planned() []*Attachment {
	order := map[string]int{}
	for i, m := range s.Subject.digests() {
		order[m.Ref.DigestStr()] = i
	}
	var out []*Attachment
	for _, a := range s.Attachments {
		if a.State == Planned {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b *Attachment) int {
		return cmp.Or(order[a.About.Ref.DigestStr()]-order[b.About.Ref.DigestStr()], a.rank()-b.rank())
	})
	return out
}

// rank puts a signature after what it makes trusted.
func (a *Attachment) rank() int {
	if a.IsSignature() {
		return 1
	}
	return 0
}

// IsSignature reports whether the attachment is a signature of the image, and not about it.
func (a *Attachment) IsSignature() bool {
	return a.Bundle != nil && a.Bundle.Statement.IsSignature()
}

// mayGoOn turns the refusal of cosign's tags into a warning where bundles are stored as
// well: what verifiers of today read is there.
func (p *Pipeline) mayGoOn(ctx context.Context, req Request, planned []*Attachment, err error) error {
	why := problem.From(err)
	if why.Code != problem.TagsRefused || req.Sign.Format != Both {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(planned), func(a *Attachment) bool { return a.State != Planned })
	if slices.ContainsFunc(left, func(a *Attachment) bool { return a.Bundle == nil }) {
		return err // the user asked for this tag
	}
	for _, a := range left {
		a.State = Skipped
	}
	p.Log.WarnContext(ctx, why.What+" "+why.Why+" What newer ones read is stored. To sign for them alone, write `signature-format: bundle`.")
	return nil
}

// readBack checks that the registry serves what was attached, and verifies that. What was
// there before was read and verified when it was found, or is the same to the byte.
func (p *Pipeline) readBack(ctx context.Context, subject *Subject, planned []*Attachment) error {
	start := time.Now()
	attachments := slices.DeleteFunc(slices.Clone(planned), func(a *Attachment) bool { return a.State != New })
	if len(attachments) == 0 {
		return nil
	}
	var stored []Stored
	err := readingBack.forEach(len(attachments)).spend(ctx, subject.Manifest, func(ctx context.Context) (err error) {
		stored, err = p.Attacher.ReadBack(ctx, subject.Ref.Context(), attachments)
		return err
	})
	if err != nil {
		return fmt.Errorf("read back from %s: %w", subject.Ref, err)
	}
	if err := p.verifyAll(attachments, stored); err != nil {
		return err
	}
	p.Log.InfoContext(ctx, "verified in the registry", slog.String("digest", subject.Ref.DigestStr()), slog.Int("attachments", len(stored)), took(start))
	return nil
}

// maxVerified bounds what is verified together, which may be large.
const maxVerified = 6

// verifyAll verifies what is stored of attachments, side by side. The error is the first
// attachment's that has one.
func (p *Pipeline) verifyAll(attachments []*Attachment, stored []Stored) error {
	errs := make([]error, len(attachments))
	var group errgroup.Group
	group.SetLimit(min(maxVerified, runtime.GOMAXPROCS(0)))
	for i, a := range attachments {
		group.Go(func() error {
			errs[i] = p.verifyStored(a, stored[i])
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return cmp.Or(errs...)
}

func (p *Pipeline) verifyStored(a *Attachment, stored Stored) error {
	if !a.holds(stored) {
		return otherBytes(a)
	}
	if a.Bundle == nil {
		return nil
	}
	if _, err := p.Verifier.Verify(stored, a.About); err != nil {
		return fmt.Errorf("verify %s: %w", a.Manifest.Ref, err)
	}
	return nil
}

// holds reports whether s has the bytes of the attachment.
func (a *Attachment) holds(s Stored) bool {
	switch {
	case a.Bundle == nil:
		return bytes.Equal(s.Content, a.Document.Bytes)
	case a.Form == FormBundle:
		return bytes.Equal(s.Content, a.Bundle.JSON)
	default:
		return bytes.Equal(s.Layer.Content, a.Bundle.Layer.Content) && s.Layer.Signature == a.Bundle.Layer.Signature
	}
}

func otherBytes(a *Attachment) error {
	return &problem.Problem{
		Code: problem.ReadBackMissing,
		What: fmt.Sprintf("%s serves something else than was stored.", a.Manifest.Ref.Context().RegistryStr()),
		Why:  fmt.Sprintf("What is behind %s differs from what was uploaded.", a.Manifest.Ref),
		Fix:  "Check what stands between the runner and the registry, such as a caching proxy, and run the job again.",
	}
}

func (a *Attachment) title() string {
	if a.Bundle != nil {
		return title(a.Bundle.Statement)
	}
	return "document " + string(a.Document.Format)
}
