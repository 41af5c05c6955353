package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/config"
	"seal-image/internal/problem"
	"seal-image/internal/registry"
	"seal-image/internal/runner"
	"seal-image/internal/sbom"
	"seal-image/internal/sigstore"
	"seal-image/internal/transport"
)

// wire builds the pipeline of this run. work is a folder of ours alone; program is the
// name of this executable, for the child.
func wire(ctx context.Context, cfg *config.Config, job *runner.Job, stack http.RoundTripper, work, program string) (*attest.Pipeline, error) {
	job.UseHTTP(stack)
	signer, err := newSigner(cfg, job, stack)
	if err != nil {
		return nil, err
	}
	cataloger := &sbom.Cataloger{
		Program: "/proc/self/exe", Name: program,
		TempDir: work, Version: version, Author: cfg.Job.Author, Created: time.Now(), Log: job.Log(),
		Limits:  sbom.Limits{Time: catalogLimit},
		Options: catalogOptions(cfg.SBOM), Workspace: cfg.Job.Workspace, Path: cfg.SBOM.Path,
	}
	if err := cataloger.Options.Check(ctx); err != nil {
		return nil, err
	}
	client := registry.New(registry.Options{Logins: logins(cfg.Registry), Transport: stack})
	return &attest.Pipeline{
		Resolver:   client,
		Downloader: client,
		Cataloger:  cataloger,
		Signer:     signer,
		Verifier:   signer,
		Attacher:   client,
		Progress:   job,
		Log:        job.Log(),
		LayoutDir:  filepath.Join(work, "layout"),
	}, nil
}

func newSigner(cfg *config.Config, job *runner.Job, stack http.RoundTripper) (*sigstore.Signer, error) {
	return sigstore.New(sigstore.Options{
		Instance:  instance(cfg.Sigstore),
		Format:    attest.SignatureFormat(cfg.SignatureFormat),
		Audience:  cfg.Sigstore.Audience,
		Token:     job.IDToken,
		Transport: stack,
		Log:       job.Log(),
		Wait:      cfg.Sigstore.Wait,
		Job: sigstore.Job{
			ServerURL:       cfg.Job.ServerURL,
			Visibility:      cfg.Job.Visibility,
			PrivateIsPublic: cfg.Sigstore.PrivateRepository,
			Provenance:      cfg.Provenance,
		},
	})
}

// newTransport is the HTTP stack of the run, with one pool of connections.
func newTransport(job *runner.Job) *transport.Stack {
	return transport.New(transport.Options{Log: job.Log(), UserAgent: "seal-image/" + version})
}

func instance(c config.Sigstore) sigstore.Instance {
	i := trustOf(c.Trust)
	i.FulcioURL = text(c.FulcioURL)
	i.RekorURL = text(c.RekorURL)
	i.TimestampURL = text(c.TimestampURL)
	i.SigningConfig = sigstore.File(c.SigningConfig)
	return i
}

// trustOf is a Sigstore of which the trust is known, and no service.
func trustOf(c config.Trust) sigstore.Instance {
	return sigstore.Instance{TrustedRoot: sigstore.File(c.TrustedRoot), TUFURL: text(c.TUFURL), TUFRoot: c.TUFRoot}
}

func catalogOptions(c config.SBOM) sbom.Options {
	o := sbom.Options{Files: c.Files, Catalogers: c.Catalogers, Exclude: c.Exclude}
	for _, f := range c.Formats {
		o.Formats = append(o.Formats, attest.Format(f))
	}
	return o
}

func logins(c config.Registry) map[string]registry.Login {
	out := map[string]registry.Login{}
	for host, l := range c.Logins {
		out[host] = registry.Login(l)
	}
	return out
}

func request(cfg *config.Config) attest.Request {
	req := attest.Request{
		Platforms:      cfg.Platforms,
		SBOM:           cfg.SBOM.Enabled,
		Provided:       cfg.SBOM.Path != "",
		PerPlatform:    strings.Contains(cfg.SBOM.Path, "{platform}"),
		AllowEmptySBOM: cfg.SBOM.AllowEmpty,
		Sign: attest.SignOptions{
			Recursive:   cfg.Recursive,
			Attest:      cfg.SBOM.Attestation,
			Annotations: cfg.Annotations,
			Format:      attest.SignatureFormat(cfg.SignatureFormat),
		},
		Provenance:     cfg.Provenance,
		AttachReferrer: cfg.SBOM.Referrer,
		AttachTag:      cfg.SBOM.Tag,
		DryRun:         cfg.DryRun,
	}
	req.Images = references(cfg.Images)
	return req
}

func references(images []config.Image) []attest.Reference {
	var out []attest.Reference
	for _, img := range images {
		out = append(out, attest.Reference{Ref: img.Ref, Digest: img.Digest})
	}
	return out
}

func timedOut(limit time.Duration) error {
	return &problem.Problem{
		Code: problem.Timeout,
		What: fmt.Sprintf("The run took longer than %s.", limit),
		Why:  "That is the limit of the input timeout. The section \"Details\" names the step that was under way.",
		Fix:  "Write below `with:` a longer one, e.g.\n  timeout: 1h",
	}
}

// text is the URL as a string; "" for nil.
func text(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}
