package attest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/problem"
)

// catalog sets the SBOMs of each image, in the order of its platforms.
func (p *Pipeline) catalog(ctx context.Context, req Request, res *Result) {
	if !req.SBOM || !res.alive() {
		return
	}
	ctx, done := p.step(ctx, "Generate SBOM")
	defer done()
	known := map[string]*SBOM{} // by digest: the same image may be in several repositories
	res.each(ctx, func(s *Seal) error {
		sboms, err := p.catalogImages(ctx, req, s.Subject, known)
		if err != nil {
			return err
		}
		for _, doc := range sboms {
			known[doc.Image.Ref.DigestStr()] = doc
		}
		s.SBOMs = sboms
		return nil
	})
}

// discard gives back the disk that the images took.
func (p *Pipeline) discard(_ context.Context, req Request, res *Result) {
	if req.catalogs() && res.alive() {
		p.Downloader.Discard(p.LayoutDir)
	}
}

// maxCatalogs bounds the children at work at once; each uses all cores.
const maxCatalogs = 2

func (p *Pipeline) catalogImages(ctx context.Context, req Request, subject *Subject, known map[string]*SBOM) ([]*SBOM, error) {
	sboms := make([]*SBOM, len(subject.Images))
	var wanted []Image
	for i, img := range subject.Images {
		if same := known[img.Ref.DigestStr()]; same != nil {
			sboms[i] = &SBOM{Image: img, Documents: slices.Clone(same.Documents), Packages: same.Packages}
			continue
		}
		wanted = append(wanted, img)
	}
	Advance(ctx, Platforms, 0, int64(len(wanted)))
	arrivals := NewArrivals()
	group, both := errgroup.WithContext(ctx)
	if !req.Provided && len(wanted) > 0 {
		p.Cataloger.Warm(ctx, p.LayoutDir, len(wanted)) // not for this group alone: the next subject takes what is left
		group.Go(func() error { return p.download(both, subject, wanted, arrivals) })
	}
	group.Go(func() error { return p.catalogInTurn(both, req, subject.Images, sboms, arrivals) })
	return sboms, group.Wait()
}

// catalogInTurn sets the SBOMs that are not known.
func (p *Pipeline) catalogInTurn(ctx context.Context, req Request, images []Image, sboms []*SBOM, arrivals *Arrivals) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxCatalogs)
	for i, img := range images {
		if sboms[i] != nil {
			continue
		}
		group.Go(func() (err error) {
			if ctx.Err() != nil { // another image failed, or the run was stopped
				return context.Cause(ctx)
			}
			sboms[i], err = p.catalogOne(ctx, req, img, arrivals)
			return err
		})
	}
	return group.Wait()
}

func (p *Pipeline) download(ctx context.Context, subject *Subject, images []Image, arrivals *Arrivals) error {
	start := time.Now()
	err := downloading.spend(ctx, subject.Manifest, func(ctx context.Context) error {
		return p.Downloader.Download(ctx, images, p.LayoutDir, arrivals)
	})
	if err != nil {
		return fmt.Errorf("download %s: %w", subject.Ref, err)
	}
	p.Log.InfoContext(ctx, "downloaded", slog.String("digest", subject.Ref.DigestStr()), slog.Int("images", len(images)), took(start))
	return nil
}

func (p *Pipeline) catalogOne(ctx context.Context, req Request, img Image, arrivals *Arrivals) (doc *SBOM, err error) {
	start := time.Now()
	did := "cataloged "
	if req.Provided {
		did = "read the SBOM of "
		doc, err = p.Cataloger.Load(img)
	} else {
		doc, err = p.Cataloger.Catalog(ctx, p.LayoutDir, img, arrivals)
	}
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", img.Platform, err)
	}
	if doc.Packages == 0 && !req.AllowEmptySBOM {
		return nil, emptySBOM(img)
	}
	Advance(ctx, Platforms, 1, 0)
	p.Log.InfoContext(ctx, did+img.Platform.String(), slog.String("digest", img.Ref.DigestStr()),
		slog.Int("packages", doc.Packages), slog.Int("bytes", size(doc)), took(start))
	return doc, nil
}

// size is that of all documents together, in bytes.
func size(doc *SBOM) (bytes int) {
	for _, d := range doc.Documents {
		bytes += len(d.Bytes)
	}
	return bytes
}

func emptySBOM(img Image) error {
	return &problem.Problem{
		Code: problem.SBOMEmpty,
		What: fmt.Sprintf("No package was found in the image for %s.", img.Platform),
		Why:  "The image has no package database and no binary that names its dependencies, as a scratch image with a stripped C program.",
		Fix:  "If that is what you built, write below `with:`\n  allow-empty-sbom: true",
	}
}

// describe adds the document about the index of several images to its SBOMs.
func (p *Pipeline) describe(ctx context.Context, _ Request, res *Result) {
	res.each(ctx, func(s *Seal) error {
		if !s.Subject.IsIndex() || s.Subject.Platforms == 1 || len(s.SBOMs) == 0 {
			return nil
		}
		index, err := p.Cataloger.Index(s.Subject, s.SBOMs)
		if err != nil {
			return fmt.Errorf("describe index %s: %w", s.Subject.Ref, err)
		}
		if len(index.Documents) > 0 {
			s.adopt(index)
			s.SBOMs = append(s.SBOMs, index)
		}
		return nil
	})
}
