package main

import (
	"cmp"
	"context"
	"net/http"

	"seal-image/internal/attest"
	"seal-image/internal/config"
	"seal-image/internal/report"
	"seal-image/internal/runner"
)

// publication is what a run leaves behind: files and, if it went well, what the services get
// that GitHub has around it.
type publication struct {
	cfg   *config.Config
	job   *runner.Job
	stack http.RoundTripper
	res   *attest.Result    // gets what the services have answered
	files map[string][]byte // of output-dir, by path
}

// publish writes the files, gives those of a run that went well to GitHub's services, and writes
// the summary and, last and only after success, the outputs. It returns runErr, or what went wrong here.
func (p *publication) publish(ctx context.Context, runErr error) (err error) {
	cfg, job, res := p.cfg, p.job, p.res
	errs := []error{job.WithoutSecrets(runErr)}
	for _, s := range res.Seals {
		s.Err = job.WithoutSecrets(s.Err)
	}
	if len(res.Seals) > 0 {
		p.files, err = report.Files(res, cfg.OutputDir)
		if err == nil {
			err = job.WriteFiles(cfg.OutputDir, p.files)
		}
		if err == nil && runErr == nil {
			err = job.WithoutSecrets(p.useServices(ctx))
		}
		errs = append(errs, err)
	}
	if cfg.Summary {
		errs = append(errs, job.AddSummary(report.Summary(res, circumstances(cfg, job), cmp.Or(errs...))))
	}
	if err := cmp.Or(errs...); err != nil {
		job.Note(report.Public(res, err))
		return err
	}
	outputs, err := report.Outputs(res, cfg.OutputDir)
	if err != nil {
		return err
	}
	if err := job.SetOutputs(outputs); err != nil {
		return err
	}
	declareImage(ctx, job, res)
	conclude(ctx, job, report.Conclusion(res, steps(job)))
	return nil
}

// conclude ends the log with lines that stand in no section, where they are read at first sight.
func conclude(ctx context.Context, job *runner.Job, lines []string) {
	for _, line := range lines {
		job.Log().InfoContext(ctx, line)
	}
}

// steps are those that were done.
func steps(job *runner.Job) []report.Step {
	var out []report.Step
	for _, t := range job.Timings() {
		out = append(out, report.Step{Title: t.Step, Took: t.Took})
	}
	return out
}

// circumstances are what the summary says beside the result.
func circumstances(cfg *config.Config, job *runner.Job) report.Job {
	return report.Job{
		RunURL:      cfg.Job.RunURL,
		Action:      cfg.Job.Action,
		OwnSigstore: cfg.Sigstore.TUFURL != nil || cfg.Sigstore.TrustedRoot.JSON != nil,
		Steps:       steps(job),
	}
}
