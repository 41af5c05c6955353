package main

import (
	"cmp"
	"context"
	"net/http"

	"seal-image/internal/attest"
	"seal-image/internal/config"
	"seal-image/internal/confine"
	"seal-image/internal/registry"
	"seal-image/internal/report"
	"seal-image/internal/runner"
	"seal-image/internal/sigstore"
)

// verify is the verify action: it reads the job and its inputs, verifies the images and
// publishes what it found. It asks for no token, and has no right to write.
func verify(ctx context.Context, job *runner.Job, getenv func(string) string) (err error) {
	defer recovered(&err)
	job.MaskVariables(secretVariables...)
	if err := confine.Parent(); err != nil {
		return err
	}
	cfg, err := config.ParseVerify(getenv)
	if err != nil {
		return err
	}
	job.Mask(cfg.Registry.Secrets()...)
	if err := job.CheckFiles(); err != nil {
		return err
	}
	stack := newTransport(job)
	defer stack.CloseIdleConnections()
	verification, err := wireVerification(cfg, job, stack)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, timedOut(cfg.Timeout))
	defer cancel()
	verdicts, err := verification.Run(ctx, attest.VerifyRequest{
		Images:      references(cfg.Images),
		Expected:    attest.Expectation(cfg.Signer),
		Format:      attest.SignatureFormat(cfg.SignatureFormat),
		RequireSBOM: cfg.RequireSBOM,
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return publishVerdicts(ctx, cfg, job, verdicts, err)
}

func wireVerification(cfg *config.Verify, job *runner.Job, stack http.RoundTripper) (*attest.Verification, error) {
	verifier, err := sigstore.NewVerifier(sigstore.VerifierOptions{
		Instance:  trustOf(cfg.Trust),
		Expected:  attest.Expectation(cfg.Signer),
		Transport: stack,
	})
	if err != nil {
		return nil, err
	}
	client := registry.New(registry.Options{Logins: logins(cfg.Registry), Transport: stack, ReadOnly: true})
	return &attest.Verification{
		Resolver: client,
		Finder:   client,
		Trust:    verifier,
		Verifier: verifier,
		Progress: job,
		Log:      job.Log(),
	}, nil
}

// publishVerdicts is publish for the verify action: of a run that fails, nothing is left
// but the summary.
func publishVerdicts(ctx context.Context, cfg *config.Verify, job *runner.Job, verdicts []*attest.Verdict, runErr error) error {
	errs := []error{runErr}
	if files := report.VerifyFiles(verdicts); runErr == nil && len(files) > 0 {
		errs = append(errs, job.WriteFiles(cfg.OutputDir, files))
	}
	if cfg.Summary {
		errs = append(errs, job.AddSummary(report.VerifySummary(verdicts, cfg.OutputDir, cmp.Or(errs...))))
	}
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	if err := job.SetOutputs(report.VerifyOutputs(verdicts, cfg.OutputDir)); err != nil {
		return err
	}
	conclude(ctx, job, report.VerifyConclusion(verdicts, steps(job)))
	return nil
}
