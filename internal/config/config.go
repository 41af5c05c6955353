// Package config turns the inputs of the step and the environment of the job into one
// validated [Config], or [Verify] for the verify action. It makes no network request, starts
// no program (a credential helper, say) and reports every mistake at once. Of the files that
// inputs name it judges docker's config.json alone; the others are for those who use them,
// also before any request.
package config

import (
	"net/url"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Config is what one run of the action was asked to do.
type Config struct {
	Images    []Image       // at least one; the order of `image`, each once
	Platforms []v1.Platform // what `platforms` selects; nil: all
	Recursive bool          // sign each platform manifest as well as the index

	SBOM            SBOM
	Provenance      bool              // attest how the image was built
	Annotations     map[string]string // signed with the image; nil if none
	SignatureFormat string            // "both", "bundle" or "legacy"

	Registry Registry
	Sigstore Sigstore

	Artifact      Artifact
	ReleaseAssets bool // attach the files to the release of the run
	GitHub        GitHub
	OutputDir     string // relative to the workspace, with slashes
	Summary       bool
	DryRun        bool
	Timeout       time.Duration

	Job Job
}

// Sigstore is the Sigstore instance that signs. Where a field is empty, the TUF
// repository decides.
type Sigstore struct {
	Trust
	Audience          string   // of the OIDC token
	FulcioURL         *url.URL // set together with RekorURL
	RekorURL          *url.URL
	TimestampURL      *url.URL      // of an RFC 3161 endpoint, with path; nil: none
	SigningConfig     File          // Sigstore signing config
	Wait              time.Duration // how long an outage is waited out
	PrivateRepository bool          // the repository may appear in public services although it is private
}

// Trust is where the trust in a Sigstore comes from.
type Trust struct {
	TrustedRoot File     // Sigstore trusted root; empty: that of the TUF repository
	TUFURL      *url.URL // nil: the public good instance
	TUFRoot     []byte   // first root of TUFURL, JSON
}

// Parse reads the inputs (INPUT_*) and the job's environment (GITHUB_*, ACTIONS_*,
// RUNNER_TEMP and DOCKER_CONFIG) through getenv. The error is one [problem.Problem] with the code
// input-invalid that lists every mistake.
func Parse(getenv func(string) string) (*Config, error) {
	r := newReader(getenv, Inputs(), pushed)
	images, job := r.images(), r.job()
	cfg := &Config{
		Images:          images,
		Platforms:       r.platforms(),
		Recursive:       r.flag("recursive"),
		SBOM:            r.sbom(),
		Provenance:      r.flag("provenance"),
		Annotations:     r.annotations(),
		SignatureFormat: r.choice("signature-format", "both", "bundle", "legacy"),
		Registry:        r.registry(images, job),
		Sigstore:        r.sigstore(),
		Artifact:        r.artifact(),
		ReleaseAssets:   r.withToken("upload-release-assets"),
		OutputDir:       r.folder("output-dir"),
		Summary:         r.flag("summary"),
		DryRun:          r.flag("dry-run"),
		Timeout:         r.timeout("timeout"),
		Job:             job,
	}
	cfg.GitHub = r.github(cfg.SBOM, cfg.Provenance)
	return cfg, r.problem()
}

func (r *reader) sigstore() Sigstore {
	s := Sigstore{
		Audience:          r.text("oidc-audience"),
		FulcioURL:         r.serviceURL("fulcio-url"),
		RekorURL:          r.serviceURL("rekor-url"),
		TimestampURL:      r.serviceURL("timestamp-url"),
		SigningConfig:     r.fileOrTarget("signing-config"),
		Trust:             r.trust(),
		PrivateRepository: r.flag("private-repository"),
		Wait:              r.wait("sigstore-wait"),
	}
	has := func(input string) bool { return r.text(input) != "" }
	if has("fulcio-url") != has("rekor-url") {
		given, missing := "fulcio-url", "rekor-url"
		if has("rekor-url") {
			given, missing = missing, given
		}
		r.wrong(missing, given+" is set without it; a Sigstore needs both", missing+": https://"+strings.TrimSuffix(missing, "-url")+".example.com")
	}
	if has("fulcio-url") && has("signing-config") {
		r.wrong("signing-config", "it names the services already; fulcio-url and rekor-url exclude it", "signing-config: path/to/signing_config.json   # and no fulcio-url, no rekor-url")
	}
	if has("timestamp-url") && !has("fulcio-url") {
		r.wrong("timestamp-url", "it goes with fulcio-url and rekor-url; else the signing config names the timestamp authority", "fulcio-url: https://fulcio.example.com   # and rekor-url")
	}
	ownServices := has("fulcio-url") || len(s.SigningConfig.JSON) > 0
	if ownServices && !has("trusted-root") && !has("tuf-url") {
		r.wrong("trusted-root", "another Sigstore needs its own trust root to be verified", "trusted-root: path/to/trusted_root.json   # or tuf-url and tuf-root")
	}
	return s
}

func (r *reader) trust() Trust {
	t := Trust{TrustedRoot: r.fileOrTarget("trusted-root"), TUFURL: r.serviceURL("tuf-url"), TUFRoot: r.file("tuf-root")}
	if r.text("tuf-root") != "" && r.text("tuf-url") == "" {
		r.wrong("tuf-url", "tuf-root is set without the repository that it is the root of", "tuf-url: https://tuf.example.com")
	}
	return t
}
