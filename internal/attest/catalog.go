package attest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/problem"
)

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
	p.Log.InfoContext(ctx, "downloaded", slog.String("digest", res.Subject.Ref.DigestStr()), slog.Int("images", len(images)), took(start))
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
