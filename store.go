package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/config"
	"seal-image/internal/github"
)

// storeAttestations stores what was attested of the images with GitHub.
func (p *publication) storeAttestations(ctx context.Context) error {
	var bundles []*attest.Bundle
	for _, s := range p.res.Seals {
		bundles = append(bundles, s.Bundles...)
	}
	err := p.api().StoreAttestations(ctx, p.cfg.Job.ServerURL+"/"+p.cfg.Job.Repository+"/attestations/", bundles)
	stored := map[string]bool{}
	for _, b := range bundles {
		if b.Page != "" && !stored[b.Page] {
			stored[b.Page] = true
			p.job.Log().InfoContext(ctx, fmt.Sprintf("stored %s of %s: %s", b.Statement.PredicateType, b.Statement.About.Ref.DigestStr(), b.Page))
		}
	}
	if err == nil && len(stored) == 0 {
		p.job.Log().InfoContext(ctx, "GitHub has them already")
	}
	return err
}

// submitSnapshots tells the dependency graph about the packages of the images.
func (p *publication) submitSnapshots(ctx context.Context) error {
	scan := scanOf(p.cfg.Job)
	if !commit.MatchString(scan.SHA) || !strings.HasPrefix(scan.Ref, "refs/") {
		p.job.Log().InfoContext(ctx, "left out: the graph is about commits of a ref, and the run has none")
		return nil
	}
	snapshots, err := scan.Snapshots(p.res)
	if err != nil {
		return err
	}
	for _, n := range snapshots {
		if err := p.api().SubmitSnapshot(ctx, n); err != nil {
			return err
		}
		p.job.Log().InfoContext(ctx, fmt.Sprintf("submitted %d packages of %d images as %s; %d without package URL are left out",
			n.Packages, len(n.Manifests), n.Job.Correlator, n.LeftOut))
	}
	return nil
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// scanOf is where the packages were found. Of a pull request, the graph knows the commit of its
// branch: https://github.com/anchore/sbom-action/pull/401
func scanOf(job config.Job) github.Scan {
	return github.Scan{
		SHA: cmp.Or(job.HeadSHA, job.SHA), Ref: job.Ref,
		Job:      github.Origin{ID: job.RunID, Correlator: job.Workflow + "_" + job.ID, URL: job.RunURL},
		Detector: github.Detector{Name: "seal-image", Version: version, URL: job.ActionURL},
		Time:     time.Now(),
	}
}
