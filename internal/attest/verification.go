package attest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"
)

// TrustRoot is what a [Verifier] of foreign signatures rests on.
type TrustRoot interface {
	// Load fetches it. Before, nothing verifies.
	Load(ctx context.Context) error
}

// Verification verifies images that others have signed. All fields are required.
type Verification struct {
	Resolver Resolver
	Finder   Finder
	Trust    TrustRoot
	Verifier Verifier // rests on Trust, and knows who is expected
	Progress Progress
	Log      *slog.Logger
}

// VerifyRequest is what to verify.
type VerifyRequest struct {
	Images      []Reference     // at least one
	Expected    Expectation     // what Verifier expects, for people
	Format      SignatureFormat // where signatures may be; Both: in either place
	RequireSBOM bool
}

// Verdict is what was found out about one image.
type Verdict struct {
	Ref       string    // as the user wrote it
	Subject   *Subject  // nil if it could not be resolved
	Signature *Bundle   // verified; nil if there is none
	SBOM      *Document // that the same identity has attested; nil if there is none
	Err       error     // why the image is not verified; nil if it is
}

// Run verifies the images. Each gets a Verdict, in the order of the request; tags of one
// digest share theirs. The error is nil only if every image is verified.
func (v *Verification) Run(ctx context.Context, req VerifyRequest) ([]*Verdict, error) {
	if err := v.loadTrust(ctx); err != nil {
		return nil, err
	}
	verdicts := v.resolve(ctx, req)
	v.judgeAll(ctx, req, verdicts)
	if ctx.Err() != nil {
		return verdicts, context.Cause(ctx)
	}
	outcomes := make([]outcome, len(verdicts))
	for i, verdict := range verdicts {
		outcomes[i] = outcome{ref: verdict.Ref, err: verdict.Err}
	}
	return verdicts, together(outcomes, "verified")
}

func (v *Verification) loadTrust(ctx context.Context) error {
	defer v.Progress.Step("Load the trust root", nil)()
	start := time.Now()
	if err := v.Trust.Load(ctx); err != nil {
		return fmt.Errorf("load trust root: %w", err)
	}
	v.Log.InfoContext(ctx, "loaded the trust root", took(start))
	return nil
}

// resolve pins each reference to its digest. From here no request uses a tag.
func (v *Verification) resolve(ctx context.Context, req VerifyRequest) []*Verdict {
	defer v.Progress.Step("Resolve", nil)()
	var verdicts []*Verdict
	known := map[string]*Verdict{} // by repository@digest
	for _, image := range req.Images {
		if ctx.Err() != nil {
			return verdicts
		}
		start := time.Now()
		verdict := &Verdict{Ref: image.Ref.String()}
		subject, err := v.Resolver.Resolve(ctx, image.Ref, image.Digest, nil)
		if err != nil {
			verdict.Err = fmt.Errorf("resolve %s: %w", image.Ref, err)
			verdicts = append(verdicts, verdict)
			continue
		}
		v.Log.InfoContext(ctx, "resolved "+image.Ref.String(), slog.String("digest", subject.Ref.DigestStr()), took(start))
		if same := known[subject.Ref.String()]; same != nil {
			same.Subject.Tags = append(same.Subject.Tags, subject.Tags...)
			continue
		}
		verdict.Subject = subject
		known[subject.Ref.String()] = verdict
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

func (v *Verification) judgeAll(ctx context.Context, req VerifyRequest, verdicts []*Verdict) {
	defer v.Progress.Step("Verify", nil)()
	for _, verdict := range verdicts {
		if verdict.Err == nil && ctx.Err() == nil {
			verdict.Err = v.judge(ctx, req, verdict)
		}
	}
}

// judge looks at everything that is stored about one digest.
func (v *Verification) judge(ctx context.Context, req VerifyRequest, verdict *Verdict) error {
	start := time.Now()
	m := verdict.Subject.Manifest
	e, err := v.collect(ctx, req, m)
	if err != nil {
		return fmt.Errorf("look for signatures of %s: %w", m.Ref, err)
	}
	// The sign action names the log entry of the bundle where it has written both.
	signature := cmp.Or(newest(e.bundled()), newest(e.signatures))
	if signature == nil {
		return e.noSignature(m, req)
	}
	sbom := newest(e.sboms[SPDXJSON])
	if sbom == nil {
		sbom = newest(e.sboms[CycloneDXJSON])
	}
	if sbom == nil && req.RequireSBOM {
		return e.noSBOM(m, req)
	}
	verdict.Signature = signature
	v.Log.InfoContext(ctx, "verified the signature", slog.String("digest", m.Ref.DigestStr()), slog.String("identity", signature.Signer.SAN),
		slog.Int64("log-index", signature.Entry.Index), took(start))
	if sbom == nil {
		v.Log.InfoContext(ctx, "no SBOM by this signer", slog.Int("found", e.found[claimSBOM]))
		return nil
	}
	verdict.SBOM = documentOf(sbom.Statement)
	v.Log.InfoContext(ctx, "verified the SBOM", slog.String("format", string(verdict.SBOM.Format)),
		slog.Int("bytes", len(verdict.SBOM.Bytes)), slog.Int64("log-index", sbom.Entry.Index))
	return nil
}

// newest returns what was logged last. Where a log gives no time, the place in the list
// decides: registries append.
func newest(bundles []*Bundle) *Bundle {
	var last *Bundle
	for _, b := range bundles {
		if last == nil || last.Entry.IntegratedTime.IsZero() || b.Entry.IntegratedTime.IsZero() || !b.Entry.IntegratedTime.Before(last.Entry.IntegratedTime) {
			last = b
		}
	}
	return last
}
