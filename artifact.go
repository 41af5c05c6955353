package main

import (
	"context"
	"fmt"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/config"
	"seal-image/internal/github"
	"seal-image/internal/report"
	"seal-image/internal/runner"
)

// uploadArtifact keeps the files with the run.
func (p *publication) uploadArtifact(ctx context.Context) error {
	cfg, job := p.cfg, p.job
	upload := github.Upload{Name: cfg.Artifact.Name, Fixed: cfg.Artifact.Name != "", Files: p.files, ExpiresAt: expiry(ctx, cfg, job)}
	if !upload.Fixed {
		upload.Name = report.ArtifactName(p.res)
	}
	artifact, err := github.NewArtifacts(github.Options{
		ResultsURL: cfg.Job.ResultsURL,
		Token:      cfg.Job.RuntimeToken,
		RunURL:     cfg.Job.RunURL,
		Job:        cfg.Job.ID,
		Transport:  p.stack,
		Mask:       job.Mask,
	}).Upload(ctx, upload)
	if err != nil {
		return err
	}
	p.res.Artifact = artifact
	job.Log().InfoContext(ctx, fmt.Sprintf("uploaded %d files as %s: %s", len(p.files), artifact.Name, artifact.URL))
	return nil
}

// expiry is the end of the artifact; zero where the repository decides.
func expiry(ctx context.Context, cfg *config.Config, job *runner.Job) time.Time {
	days, most := cfg.Artifact.Retention, cfg.Job.MaxRetention
	if most > 0 && days > most {
		job.Log().WarnContext(ctx, fmt.Sprintf("The repository keeps artifacts for %d days at most, so `upload-artifact-retention: %d` is not met. Its settings have the limit under Actions > General.", most, days))
		days = most
	}
	if days == 0 {
		return time.Time{}
	}
	return time.Now().AddDate(0, 0, days)
}

// declareImage tells the job about the image of a run that has sealed one. It is no part of the
// sealing, so that it cannot be done is a warning.
func declareImage(ctx context.Context, job *runner.Job, res *attest.Result) {
	if len(res.Seals) != 1 || res.Seals[0].Signature() == nil {
		return
	}
	ref := res.Seals[0].Subject.Ref
	declared, err := job.DeclareImage(ref.Context().Name(), ref.DigestStr())
	switch {
	case err != nil:
		job.Warn(err)
	case declared:
		job.Log().InfoContext(ctx, "declared the image to the later steps of the job (GITHUB_ARTIFACTS)")
	}
}
