package attest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"seal-image/internal/problem"
)

// sign sets res.Bundles, also those of a run that fails half way.
func (p *Pipeline) sign(ctx context.Context, req Request, res *Result) error {
	defer p.Progress.Step("Sign and log")()
	start := time.Now()

	statements, err := Statements(res.Subject, res.SBOMs, req.Recursive)
	if err != nil {
		return err
	}
	res.Bundles, err = p.Signer.Sign(ctx, statements)
	for _, b := range res.Bundles {
		p.Log.InfoContext(ctx, "logged "+describe(b.Statement), slog.String("digest", b.Statement.About.Ref.DigestStr()), slog.Int64("log-index", b.Entry.Index), slog.Duration("took", b.Took))
	}
	if err != nil {
		return fmt.Errorf("sign %s: %w", res.Subject.Ref, err)
	}
	p.Log.InfoContext(ctx, "verified", slog.String("digest", res.Subject.Ref.DigestStr()), slog.Int("bundles", len(res.Bundles)), took(start))
	return nil
}

// attach stores the bundles digest by digest, in the order of the statements: platforms
// before the index, and of each digest the SBOM before the signature.
func (p *Pipeline) attach(ctx context.Context, res *Result) error {
	defer p.Progress.Step("Attach to " + res.Subject.Ref.Context().Name())()

	for _, group := range byManifest(res.Bundles) {
		start := time.Now()
		about := group[0].Statement.About
		attachments, err := p.Attacher.Attach(ctx, about, group)
		res.Attachments = append(res.Attachments, attachments...)
		for _, a := range attachments {
			p.Log.InfoContext(ctx, "attached "+describe(a.Bundle.Statement), slog.String("digest", a.Manifest.Ref.DigestStr()), took(start))
		}
		if err != nil {
			return fmt.Errorf("attach to %s: %w", about.Ref, err)
		}
	}
	return nil
}

// readBack checks that the registry serves what was attached, and verifies that.
func (p *Pipeline) readBack(ctx context.Context, res *Result) error {
	defer p.Progress.Step("Read back and verify")()
	start := time.Now()

	stored, err := p.Attacher.ReadBack(ctx, res.Attachments)
	if err != nil {
		return fmt.Errorf("read back from %s: %w", res.Subject.Ref.Context(), err)
	}
	for i, a := range res.Attachments {
		if !bytes.Equal(stored[i], a.Bundle.JSON) {
			return otherBytes(a)
		}
		if err := p.Verifier.Verify(stored[i], a.Bundle.Statement); err != nil {
			return fmt.Errorf("verify %s: %w", a.Manifest.Ref, err)
		}
	}
	p.Log.InfoContext(ctx, "verified in the registry", slog.String("digest", res.Subject.Ref.DigestStr()), slog.Int("bundles", len(stored)), took(start))
	return nil
}

func otherBytes(a *Attachment) error {
	return &problem.Problem{
		Code: problem.ReadBackMissing,
		What: fmt.Sprintf("%s serves something else than was stored.", a.Manifest.Ref.Context().RegistryStr()),
		Why:  fmt.Sprintf("The bundle behind %s differs from the one that was uploaded.", a.Manifest.Ref),
		Fix:  "Check what stands between the runner and the registry, such as a caching proxy, and run the job again.",
	}
}

// byManifest groups bundles by the digest that they are about, in the order in which the
// digests first appear: an index follows its platforms.
func byManifest(bundles []*Bundle) [][]*Bundle {
	groups := map[string][]*Bundle{}
	var order []string
	for _, b := range bundles {
		digest := b.Statement.About.Ref.DigestStr()
		if groups[digest] == nil {
			order = append(order, digest)
		}
		groups[digest] = append(groups[digest], b)
	}
	out := make([][]*Bundle, 0, len(order))
	for _, digest := range order {
		out = append(out, groups[digest])
	}
	return out
}

// describe names a statement for a line of the log, e.g. "SBOM of linux/amd64".
func describe(s *Statement) string {
	what, of := "SBOM", s.Platform
	if s.IsSignature() {
		what = "signature"
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
