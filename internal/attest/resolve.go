package attest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/problem"
)

// resolve sets res.Seals. It returns an error if the images cannot go together; what is
// wrong with one of them is in its Seal.
func (p *Pipeline) resolve(ctx context.Context, req Request, res *Result) error {
	refused := p.checkPush(ctx, req)
	defer p.Progress.Step("Resolve", nil)()
	for _, image := range req.Images {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		seal := &Seal{Ref: image.Ref.String(), Err: refused[image.Ref.Context()]}
		if seal.Err == nil {
			seal.Err = p.resolveOne(ctx, req, image, seal)
		}
		if same := res.sameAs(seal); same != nil {
			same.Subject.Tags = append(same.Subject.Tags, seal.Subject.Tags...)
			continue
		}
		res.Seals = append(res.Seals, seal)
	}
	if req.Provided {
		return oneImage(res.Seals)
	}
	return nil
}

// checkPush asks each repository once whether we may push, and returns the refusals.
func (p *Pipeline) checkPush(ctx context.Context, req Request) map[name.Repository]error {
	defer p.Progress.Step("Check the right to push", nil)()
	asked := map[name.Repository]error{}
	for _, image := range req.Images {
		repo := image.Ref.Context()
		if _, ok := asked[repo]; ok || ctx.Err() != nil {
			continue
		}
		err := p.Attacher.CheckPush(ctx, repo)
		if err != nil {
			err = p.excuse(ctx, req, fmt.Errorf("check push to %s: %w", repo, err))
		} else {
			p.Log.InfoContext(ctx, "may push", slog.String("repository", repo.Name()))
		}
		asked[repo] = err
	}
	return asked
}

func (p *Pipeline) resolveOne(ctx context.Context, req Request, image Reference, seal *Seal) error {
	start := time.Now()
	subject, err := p.Resolver.Resolve(ctx, image.Ref, image.Digest, req.Platforms)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", image.Ref, err)
	}
	seal.Subject = subject
	p.Log.InfoContext(ctx, "resolved "+image.Ref.String(), slog.String("digest", subject.Ref.DigestStr()), took(start))
	for _, img := range subject.Images {
		p.Log.InfoContext(ctx, "found "+cmp.Or(img.Platform.String(), subject.ArtifactType), slog.String("digest", img.Ref.DigestStr()))
	}
	switch {
	case !req.SBOM:
		return nil
	case req.Provided && !req.PerPlatform && len(subject.Images) > 1:
		return onePlatform(subject)
	}
	return catalogable(subject)
}

// sameAs returns the Seal of the same digest in the same repository: another tag of it.
func (r *Result) sameAs(seal *Seal) *Seal {
	for _, s := range r.Seals {
		if s.Subject != nil && seal.Subject != nil && s.Subject.Ref == seal.Subject.Ref {
			return s
		}
	}
	return nil
}

// oneImage refuses several images where there is the SBOM of one. The same image may be in
// several repositories.
func oneImage(seals []*Seal) error {
	var first *Seal
	for _, s := range seals {
		switch {
		case s.Subject == nil:
			continue
		case first == nil:
			first = s
		}
		if s.Subject.Ref.DigestStr() == first.Subject.Ref.DigestStr() {
			continue
		}
		return &problem.Problem{
			Code: problem.InputInvalid,
			What: "One SBOM cannot be that of two images.",
			Why:  fmt.Sprintf("sbom-path names the SBOM of one image, and %s is another than %s.", first.Ref, s.Ref),
			Fix:  "Seal them in a step each, or leave sbom-path out.",
		}
	}
	return nil
}

func onePlatform(subject *Subject) error {
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("One SBOM cannot be that of %d platforms.", len(subject.Images)),
		Why:  fmt.Sprintf("sbom-path names one file, and %s has several platforms, each with its own packages.", subject.Ref),
		Fix:  "Put the platform into the path, which stands for e.g. linux-amd64:\n  sbom-path: sboms/{platform}.spdx.json\nor limit the step to one, e.g.\n  platforms: linux/amd64",
	}
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
