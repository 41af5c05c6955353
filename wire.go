package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
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

// workFolder makes a folder of this run in temp, which the image, made from scratch, lacks
// where the runner mounts none.
func workFolder(temp string) (string, error) {
	const passable = 0o711 // the child, another user, passes through and can list nothing
	if info, err := os.Stat(temp); err == nil && info.Mode().Perm()&0o001 == 0 && os.Geteuid() == 0 {
		temp = os.TempDir() // a runner with a umask of 077
	}
	if err := os.MkdirAll(temp, passable); err != nil {
		return "", fmt.Errorf("make temporary folder: %w", err)
	}
	work, err := os.MkdirTemp(temp, "seal-image-")
	if err != nil {
		return "", fmt.Errorf("make work folder: %w", err)
	}
	return work, os.Chmod(work, passable)
}

// wire builds the pipeline of this run. work is a folder of ours alone; program is the
// name of this executable, for the child.
func wire(cfg *config.Config, job *runner.Job, work, program string) (*attest.Pipeline, error) {
	http := transport.New(transport.Options{Log: job.Log(), UserAgent: "seal-image/" + version})
	job.UseHTTP(http)
	signer, err := sigstore.New(sigstore.Options{
		Instance: sigstore.Instance{
			FulcioURL:     text(cfg.Sigstore.FulcioURL),
			RekorURL:      text(cfg.Sigstore.RekorURL),
			SigningConfig: cfg.Sigstore.SigningConfig,
			TrustedRoot:   cfg.Sigstore.TrustedRoot,
			TUFURL:        text(cfg.Sigstore.TUFURL),
			TUFRoot:       cfg.Sigstore.TUFRoot,
		},
		Audience:  cfg.Sigstore.Audience,
		Token:     job.IDToken,
		Transport: http,
		Job: sigstore.Job{
			ServerURL:       cfg.Job.ServerURL,
			Visibility:      cfg.Job.Visibility,
			PrivateIsPublic: cfg.Sigstore.PrivateRepository,
		},
	})
	if err != nil {
		return nil, err
	}
	client := registry.New(registry.Options{Username: cfg.Registry.Username, Password: cfg.Registry.Password, Transport: http})
	return &attest.Pipeline{
		Resolver:   client,
		Downloader: client,
		Cataloger: &sbom.Cataloger{
			Program: "/proc/self/exe", Name: program,
			TempDir: work, Version: version, Created: time.Now(), Limit: catalogLimit,
		},
		Signer:    signer,
		Verifier:  signer,
		Attacher:  client,
		Progress:  job,
		Log:       job.Log(),
		LayoutDir: filepath.Join(work, "layout"),
	}, nil
}

func request(cfg *config.Config) attest.Request {
	return attest.Request{
		Ref:            cfg.Image.Ref,
		Digest:         cfg.Image.Digest,
		Platforms:      cfg.Platforms,
		Recursive:      cfg.Recursive,
		SBOM:           cfg.SBOM,
		AllowEmptySBOM: cfg.AllowEmptySBOM,
		DryRun:         cfg.DryRun,
	}
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
