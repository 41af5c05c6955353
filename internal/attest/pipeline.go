package attest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/problem"
)

// Resolver pins a reference to a digest.
type Resolver interface {
	// Resolve returns the image that ref names now. If expected is not the zero Hash,
	// another digest is an error. Only the given platforms are selected; none means all.
	Resolve(ctx context.Context, ref name.Reference, expected v1.Hash, platforms []v1.Platform) (*Subject, error)
	// Digest returns the digest that a tag names now.
	Digest(ctx context.Context, tag name.Tag) (v1.Hash, error)
}

// Downloader copies images into one OCI image layout on disk, each blob once.
type Downloader interface {
	// Download adds images to the layout in dir, and tells arrivals what is there.
	Download(ctx context.Context, images []Image, dir string, arrivals *Arrivals) error
	// Discard begins to remove the layout in dir, which nobody reads any more.
	Discard(dir string)
}

// Cataloger makes SBOM documents.
type Cataloger interface {
	// Warm makes ready, for the layout in dir, what the next n calls of Catalog take, as far as
	// it is worth it, and lets go of what is more than that.
	Warm(ctx context.Context, dir string, n int)
	// Catalog lists the packages of one image of the OCI image layout in dir, for whose
	// layers it waits. It releases them.
	Catalog(ctx context.Context, dir string, img Image, arrivals *Arrivals) (*SBOM, error)
	// Load reads the document that the user made for img.
	Load(img Image) (*SBOM, error)
	// Index describes an index by the documents of its platforms, in the formats in which
	// all of them can be referred to. The SBOM has no documents if there is none.
	Index(subject *Subject, platforms []*SBOM) (*SBOM, error)
}

// Signer signs as the workflow that runs this job.
type Signer interface {
	// Check finds out who would sign. It asks for a token and drops it; nothing is signed. From
	// then on until the end of ctx, it also gets ready what Ready waits for.
	Check(ctx context.Context) (Identity, error)
	// Ready finds out which services sign, and refuses what must not become public by them. It
	// follows Check. The format is the one that was asked for, or [Bundles] where the log has
	// nothing for older verifiers.
	Ready(ctx context.Context) (SignatureFormat, error)
	// Sign signs and logs every statement and verifies the bundles. On failure it
	// returns the bundles of those that had become public.
	Sign(ctx context.Context, statements []*Statement) ([]*Bundle, error)
}

// Verifier checks what is stored.
type Verifier interface {
	// Verify checks s completely: certificate chain, SCT, log inclusion, signature, that
	// this workflow has signed, in this or an earlier run, and that it is about the
	// digest of about. It returns what was signed. It may be called side by side.
	Verify(s Stored, about Manifest) (*Bundle, error)
}

// Finder finds what is stored next to an image.
type Finder interface {
	// Find returns what is stored about m in these forms, of which only signed ones can
	// be asked for. Who made it is not known.
	Find(ctx context.Context, m Manifest, forms []Form) ([]Stored, error)
}

// Attacher stores bundles and documents next to the image they are about.
type Attacher interface {
	Finder
	// CheckPush reports whether Attach may write to repo. It leaves nothing behind.
	CheckPush(ctx context.Context, repo name.Repository) error
	// Attach stores what is planned in repo, in order, and says in each attachment what
	// became of it. What is there already is left alone.
	Attach(ctx context.Context, repo name.Repository, planned []*Attachment) error
	// ReadBack returns each attachment in repo as a verifier would find it, in order. One
	// that cannot be found is an error.
	ReadBack(ctx context.Context, repo name.Repository, attachments []*Attachment) ([]Stored, error)
}

// Progress opens a named section of the job log; the returned func closes it. far says how far
// the section is, in any moment until then; nil where that cannot be said.
type Progress interface {
	Step(title string, far func() string) (done func())
}

// Reference is one image to seal.
type Reference struct {
	Ref    name.Reference
	Digest v1.Hash // expected; the zero Hash accepts any
}

// Request is what to seal, and how.
type Request struct {
	Images         []Reference // at least one
	Platforms      []v1.Platform
	SBOM           bool
	Provided       bool // the SBOM is the user's
	PerPlatform    bool // and there is one for each platform
	AllowEmptySBOM bool
	Sign           SignOptions
	Provenance     bool // also attest the run that signs
	AttachReferrer bool // the SBOM, unsigned, as a referrer
	AttachTag      bool // the SBOM, unsigned, under a tag
	DryRun         bool
}

// catalogs reports whether the images are downloaded and read.
func (r Request) catalogs() bool { return r.SBOM && !r.Provided }

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
	LayoutDir  string // empty folder for the download; the caller removes what is left of it
}

// step does one thing for all images of res that have not failed.
type step func(ctx context.Context, req Request, res *Result)

// Run seals the images. Each step is done for all of them before the next begins; an image
// that fails is left out from there. The Result is never nil and, on failure, says what had
// been done.
func (p *Pipeline) Run(ctx context.Context, req Request) (*Result, error) {
	res := &Result{}
	if req.catalogs() {
		p.Cataloger.Warm(ctx, p.LayoutDir, maxCatalogs)
		defer p.Cataloger.Warm(ctx, p.LayoutDir, 0)
	}
	err := p.prepare(ctx, &req, res)
	switch {
	case ctx.Err() != nil:
		return res, res.stopped(context.Cause(ctx))
	case err != nil:
		return res, err
	}
	steps := []step{p.catalog, p.discard, p.reuse, p.describe, p.sign, p.attach}
	if req.DryRun {
		steps = []step{p.catalog, p.describe}
	}
	for _, do := range steps {
		do(ctx, req, res)
		if ctx.Err() != nil {
			return res, res.stopped(context.Cause(ctx))
		}
	}
	return res, res.problem()
}

// prepare finds out all that can be known before an image is downloaded.
func (p *Pipeline) prepare(ctx context.Context, req *Request, res *Result) error {
	if err := p.identify(ctx, req, res); err != nil {
		return err
	}
	if err := p.resolve(ctx, *req, res); err != nil {
		return err
	}
	p.look(ctx, *req, res)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.ready(ctx, req, res)
}

// stopped notes why the images that are not sealed are not, and returns that.
func (r *Result) stopped(cause error) error {
	for _, s := range r.Seals {
		switch _, explained := errors.AsType[*problem.Problem](s.Err); {
		case s.Err != nil && !explained:
			s.Err = fmt.Errorf("%w: %w", cause, s.Err)
		case s.Err == nil && s.Signature() == nil:
			s.Err = cause
		}
	}
	return cause
}

// each calls do for the images that have not failed.
func (r *Result) each(ctx context.Context, do func(*Seal) error) {
	for _, s := range r.Seals {
		if s.Err == nil && ctx.Err() == nil {
			s.Err = do(s)
		}
	}
}

// alive reports whether an image is left to work on.
func (r *Result) alive() bool {
	for _, s := range r.Seals {
		if s.Err == nil {
			return true
		}
	}
	return false
}

// identify finds out who signs. Without a token, nothing is left to do but a dry run: pull
// requests from forks have none.
func (p *Pipeline) identify(ctx context.Context, req *Request, res *Result) error {
	defer p.Progress.Step("Check permissions", nil)()

	identity, err := p.Signer.Check(ctx)
	if err != nil {
		return p.excuse(ctx, *req, fmt.Errorf("check identity: %w", err))
	}
	res.Identity = identity
	if req.Provenance {
		if req.Sign.Provenance, err = Provenance(identity); err != nil {
			return err
		}
	}
	p.Log.InfoContext(ctx, "runs as", slog.String("identity", identity.SAN), slog.String("issuer", identity.Issuer))
	return nil
}

// ready finds out for which verifiers can be signed, if anybody can sign for an image. Where that
// is excused, the run has no identity.
func (p *Pipeline) ready(ctx context.Context, req *Request, res *Result) error {
	if res.Identity == (Identity{}) || !res.alive() {
		return nil
	}
	defer p.Progress.Step("Find the services that sign", nil)()
	start := time.Now()
	format, err := p.Signer.Ready(ctx)
	if err != nil {
		err = fmt.Errorf("find the services that sign: %w", err)
		res.Identity, req.Sign.Provenance = Identity{}, nil
		if err = p.excuse(ctx, *req, err); err != nil {
			_ = res.stopped(err)
		}
		return err
	}
	req.Sign.Format = format
	p.Log.InfoContext(ctx, "may sign", slog.String("format", string(format)), took(start))
	return nil
}

// excuse turns a missing right into a warning if this is a dry run. Other errors stay.
func (p *Pipeline) excuse(ctx context.Context, req Request, err error) error {
	why := problem.From(err)
	switch why.Code {
	case problem.IDTokenPermission, problem.RegistryLogin, problem.RegistryDenied, problem.PrivateRepository:
	default:
		return err
	}
	if !req.DryRun {
		return err
	}
	p.Log.WarnContext(ctx, "a real run would fail here: "+why.What+" "+why.Why)
	return nil
}

func took(start time.Time) slog.Attr {
	return slog.Duration("took", time.Since(start).Round(time.Millisecond))
}
