package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"seal-image/internal/attest"
	"seal-image/internal/github"
	"seal-image/internal/report"
)

// service is one of those that GitHub has around a run.
type service struct {
	title    string // of its section in the log
	wanted   bool
	required bool // an input asks for it: the step fails where it cannot be used
	use      func(context.Context) error
}

// services are used in this order.
func (p *publication) services() []service {
	artifact := p.cfg.Artifact
	return []service{
		{"Upload the artifact", artifact.Upload, artifact.Required, p.uploadArtifact},
		{"Attach to the release", p.cfg.ReleaseAssets && !p.cfg.DryRun, true, p.attachToRelease},
		{"Store the attestations with GitHub", p.cfg.GitHub.Attestation && !p.cfg.DryRun, true, p.storeAttestations},
		{"Submit the packages to the dependency graph", p.cfg.GitHub.Snapshot && !p.cfg.DryRun, true, p.submitSnapshots},
	}
}

// useServices uses the services, and has the file of results say what they have answered, also
// if one of them fails.
func (p *publication) useServices(ctx context.Context) error {
	return cmp.Or(p.useWanted(ctx), p.rewriteResults())
}

// useWanted ends with the first failure of a service that is required. What a server does
// not have is a warning at any rate: the workflow may run on several.
func (p *publication) useWanted(ctx context.Context) error {
	for _, s := range p.services() {
		if !s.wanted {
			continue
		}
		err := p.use(ctx, s)
		switch lacking := errors.Is(err, github.ErrLacking); {
		case ctx.Err() != nil:
			return stopped(ctx, err)
		case err == nil:
		case s.required && !lacking:
			return err
		default:
			p.job.Warn(err)
		}
	}
	return nil
}

// stopped is why the run has ended, and what was under way.
func stopped(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || errors.Is(err, cause) && err.Error() == cause.Error() {
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

func (p *publication) use(ctx context.Context, s service) error {
	defer p.job.Step(s.title, nil)()
	return s.use(ctx)
}

// rewriteResults has the file say what the services have answered.
func (p *publication) rewriteResults() error {
	results, err := report.Results(p.res, p.cfg.OutputDir)
	if err != nil {
		return err
	}
	return p.job.WriteFiles(p.cfg.OutputDir, map[string][]byte{report.ResultsFile: results})
}

func (p *publication) api() *github.API {
	return github.NewAPI(github.APIOptions{
		URL: p.cfg.Job.APIURL, Token: p.cfg.Job.Token, Repository: p.cfg.Job.Repository, Transport: p.stack,
	})
}

// attachToRelease attaches the files to the release of the run, if it has one.
func (p *publication) attachToRelease(ctx context.Context) error {
	ref := github.ReleaseRef{ID: p.cfg.Job.ReleaseID, Tag: p.cfg.Job.Tag()}
	if ref == (github.ReleaseRef{}) {
		p.job.Log().InfoContext(ctx, "nothing to attach to: the run is of no release and of no tag, but of "+p.cfg.Job.Ref)
		return nil
	}
	release, err := p.api().AttachToRelease(ctx, ref, report.Assets(p.res, p.files))
	if release != nil && len(release.Assets) > 0 {
		p.res.Release = release
	}
	if err != nil {
		return err
	}
	count := map[attest.State]int{}
	for _, a := range release.Assets {
		count[a.State]++
	}
	p.job.Log().InfoContext(ctx, fmt.Sprintf("attached to %s: %d new assets, %d replaced, %d that were there: %s",
		ref, count[attest.New], count[attest.Replaced], count[attest.Existing], release.URL))
	return nil
}
