package attest

import (
	"context"
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
