package attest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"seal-image/internal/problem"
)

// Resolver pins a reference to a digest.
type Resolver interface {
	// Resolve returns the image that ref names now. If expected is not the zero Hash,
	// another digest is an error. Only the given platforms are selected; none means all.
	Resolve(ctx context.Context, ref name.Reference, expected v1.Hash, platforms []v1.Platform) (*Subject, error)
}

// Downloader copies images into one OCI image layout on disk, each blob once.
type Downloader interface {
	Download(ctx context.Context, images []Image, dir string) error
}

// Cataloger lists the packages of one image of an OCI image layout.
type Cataloger interface {
	Catalog(ctx context.Context, dir string, img Image) (*SBOM, error)
}

// Signer signs as the workflow that runs this job.
type Signer interface {
	// Check finds out who would sign, and refuses what must not become public. It asks
	// for a token and drops it; nothing is signed.
	Check(ctx context.Context) (Identity, error)
	// Sign signs and logs every statement and verifies the bundles. On failure it
	// returns the bundles of those that had become public.
	Sign(ctx context.Context, statements []*Statement) ([]*Bundle, error)
}

// Verifier checks a Sigstore bundle completely: certificate chain, SCT, identity, log
// inclusion, signature, and that it is about the digest of want with its predicate type.
type Verifier interface {
	Verify(bundle []byte, want *Statement) error
}

// Attacher stores bundles next to the image they are about.
type Attacher interface {
	// CheckPush reports whether Attach may write to repo. It leaves nothing behind.
	CheckPush(ctx context.Context, repo name.Repository) error
	// Attach stores bundles about m as OCI 1.1 referrers, in their order. On failure it
	// returns those that were stored.
	Attach(ctx context.Context, m Manifest, bundles []*Bundle) ([]*Attachment, error)
	// ReadBack returns the stored bundle of each attachment as a verifier would find it:
	// through the list of referrers. One that is not listed is an error.
	ReadBack(ctx context.Context, attachments []*Attachment) ([][]byte, error)
}

// Progress opens a named section of the job log; the returned func closes it.
type Progress interface {
	Step(title string) (done func())
}

// Request is what to seal.
type Request struct {
	Ref            name.Reference
	Digest         v1.Hash // expected; the zero Hash accepts any
	Platforms      []v1.Platform
	Recursive      bool
	SBOM           bool
	AllowEmptySBOM bool
	DryRun         bool
}

// Pipeline runs the steps in order. All fields are required.
type Pipeline struct {
	Resolver   Resolver
	Downloader Downloader
	Cataloger  Cataloger
	Signer     Signer
	Verifier   Verifier
	Attacher   Attacher
	Progress   Progress
	Log        *slog.Logger
	LayoutDir  string // empty folder for the download; the caller removes it
}

// Run seals one image. The Result is never nil and, on failure, says what had been done.
func (p *Pipeline) Run(ctx context.Context, req Request) (*Result, error) {
	res := &Result{}
	if err := p.preflight(ctx, req, res); err != nil {
		return res, err
	}
	if err := p.resolve(ctx, req, res); err != nil {
		return res, err
	}
	if req.SBOM {
		if err := p.catalog(ctx, req, res); err != nil {
			return res, err
		}
	}
	if req.DryRun {
		return res, nil
	}
	if err := p.sign(ctx, req, res); err != nil {
		return res, err
	}
	if err := p.attach(ctx, res); err != nil {
		return res, err
	}
	return res, p.readBack(ctx, res)
}

// preflight asks everything that can say no before the minutes-long part. In a dry run a
// no of the token or the registry is only told: pull requests from forks have neither right.
func (p *Pipeline) preflight(ctx context.Context, req Request, res *Result) (err error) {
	defer p.Progress.Step("Check permissions")()

	if res.Identity, err = p.Signer.Check(ctx); err != nil {
		if err := p.excuse(ctx, req, fmt.Errorf("check identity: %w", err)); err != nil {
			return err
		}
	} else {
		p.Log.InfoContext(ctx, "may sign", slog.String("identity", res.Identity.SAN), slog.String("issuer", res.Identity.Issuer))
	}
	if err := p.Attacher.CheckPush(ctx, req.Ref.Context()); err != nil {
		return p.excuse(ctx, req, fmt.Errorf("check push to %s: %w", req.Ref.Context(), err))
	}
	p.Log.InfoContext(ctx, "may push", slog.String("repository", req.Ref.Context().Name()))
	return nil
}

// excuse turns a refusal of the preflight into a warning if this is a dry run.
func (p *Pipeline) excuse(ctx context.Context, req Request, err error) error {
	if !req.DryRun || ctx.Err() != nil {
		return err
	}
	why := problem.From(err)
	p.Log.WarnContext(ctx, "a real run would fail here: "+why.What+" "+why.Why)
	return nil
}

func (p *Pipeline) resolve(ctx context.Context, req Request, res *Result) error {
	defer p.Progress.Step("Resolve " + req.Ref.String())()
	start := time.Now()

	subject, err := p.Resolver.Resolve(ctx, req.Ref, req.Digest, req.Platforms)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", req.Ref, err)
	}
	res.Subject = subject
	p.Log.InfoContext(ctx, "resolved", slog.String("digest", subject.Ref.DigestStr()), took(start))
	for _, img := range subject.Images {
		p.Log.InfoContext(ctx, "found "+cmp.Or(img.Platform.String(), subject.ArtifactType), slog.String("digest", img.Ref.DigestStr()))
	}
	if req.SBOM {
		return catalogable(subject)
	}
	return nil
}

// catalogable refuses what has no packages to list.
func catalogable(subject *Subject) error {
	what := ""
	for _, img := range subject.Images {
		if img.Platform.OS == "windows" {
			what = "a Windows image (" + img.Platform.String() + ")"
		}
	}
	if subject.ArtifactType != "" {
		what = "not a container image (" + subject.ArtifactType + ")"
	}
	if what == "" {
		return nil
	}
	return &problem.Problem{
		Code: problem.ImageUnsupported,
		What: fmt.Sprintf("No SBOM can be made of %s.", subject.Ref),
		Why:  "It is " + what + ", and an SBOM lists the packages of a Linux image.",
		Fix:  "To sign it without an SBOM, write below `with:`\n  sbom: false",
	}
}

// maxCatalogs bounds the children at work at once; each uses all cores.
const maxCatalogs = 2

// catalog sets res.SBOMs, in the order of res.Subject.Images.
func (p *Pipeline) catalog(ctx context.Context, req Request, res *Result) error {
	defer p.Progress.Step("Generate SBOM")()
	start := time.Now()

	images := res.Subject.Images
	if err := p.Downloader.Download(ctx, images, p.LayoutDir); err != nil {
		return fmt.Errorf("download %s: %w", res.Subject.Ref, err)
	}
	p.Log.InfoContext(ctx, "downloaded", slog.Int("images", len(images)), took(start))
	docs := make([]*SBOM, len(images))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxCatalogs)
	for i, img := range images {
		group.Go(func() (err error) {
			docs[i], err = p.catalogOne(ctx, req, img)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	res.SBOMs = docs
	return nil
}

func (p *Pipeline) catalogOne(ctx context.Context, req Request, img Image) (*SBOM, error) {
	start := time.Now()
	doc, err := p.Cataloger.Catalog(ctx, p.LayoutDir, img)
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", img.Platform, err)
	}
	if doc.Packages == 0 && !req.AllowEmptySBOM {
		return nil, emptySBOM(img)
	}
	p.Log.InfoContext(ctx, "cataloged "+img.Platform.String(), slog.String("digest", img.Ref.DigestStr()),
		slog.Int("packages", doc.Packages), slog.Int("bytes", len(doc.Document)), took(start))
	return doc, nil
}

func emptySBOM(img Image) error {
	return &problem.Problem{
		Code: problem.SBOMEmpty,
		What: fmt.Sprintf("No package was found in the image for %s.", img.Platform),
		Why:  "The image has no package database and no binary that names its dependencies, as a scratch image with a stripped C program.",
		Fix:  "If that is what you built, write below `with:`\n  allow-empty-sbom: true",
	}
}

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
		p.Log.InfoContext(ctx, "logged "+describe(b.Statement), slog.String("digest", b.Statement.About.Ref.DigestStr()), slog.Int64("log-index", b.Entry.Index))
	}
	if err != nil {
		return fmt.Errorf("sign %s: %w", res.Subject.Ref, err)
	}
	p.Log.InfoContext(ctx, "verified", slog.Int("bundles", len(res.Bundles)), took(start))
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
	p.Log.InfoContext(ctx, "verified in the registry", slog.Int("bundles", len(stored)), took(start))
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

func took(start time.Time) slog.Attr {
	return slog.Duration("took", time.Since(start).Round(time.Millisecond))
}
