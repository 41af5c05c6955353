package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
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

// catalogLimit is the time for the SBOM of one image.
const catalogLimit = 20 * time.Minute

// catalog is the child of internal/sbom.
func catalog(ctx context.Context, stdin io.Reader, stdout io.Writer) int {
	err := sbom.Confine(catalogLimit, stdout)
	if err == nil {
		err = sbom.Child(ctx, stdin, stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// secretVariables are those of the job that hold secrets.
var secretVariables = []string{"INPUT_REGISTRY-PASSWORD", "INPUT_GITHUB-TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN"}

// recovered, deferred, turns a panic into the error of a run.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic: %v", r)
	}
}

// warnOfForeignCode says what is at stake where a job with the rights of the repository may have run
// code of a pull request.
// Source: https://docs.github.com/actions/reference/security/secure-use#mitigating-the-risks-of-untrusted-code-checkout
func warnOfForeignCode(ctx context.Context, job *runner.Job, event string) {
	if event == "pull_request_target" {
		job.Log().WarnContext(ctx, "This run is for pull_request_target, so it signs as the workflow of the base branch. If a step of this job has checked out "+
			"the pull request, its code can use the identity and the tokens of the job. Build pull requests in a workflow on pull_request, without id-token: write, and seal on push.")
	}
}

// workFolder makes a folder of this run in temp, which the image, made from scratch, lacks
// where the runner mounts none.
func workFolder(temp string) (string, error) {
	const passable = 0o711 // the child, another user, passes through and can list nothing
	if info, err := os.Stat(temp); err == nil && info.Mode().Perm()&0o001 == 0 && os.Geteuid() == 0 {
		temp = os.TempDir() // a runner with a umask of 077
	}
	if err := os.MkdirAll(temp, passable); err != nil {
		return "", noTemp(temp, err)
	}
	work, err := os.MkdirTemp(temp, "seal-image-")
	if err != nil {
		return "", noTemp(temp, err)
	}
	return work, os.Chmod(work, passable)
}

func noTemp(temp string, err error) error {
	return &problem.Problem{
		Code: problem.RunnerFiles,
		What: fmt.Sprintf("No folder can be made in %s, the temporary folder of the job.", temp),
		Why:  err.Error(),
		Fix:  "Check the free space and the free inodes of the runner, and who may write there.",
		Err:  err,
	}
}

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
