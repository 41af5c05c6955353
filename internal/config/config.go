// Package config turns the inputs of the step and the environment of the job into one
// validated [Config]. It makes no network request and reports every mistake at once; the
// content of the files that inputs name is internal/sigstore's to judge, also before any
// request.
package config

import (
	"net/url"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/secret"
)

// Config is what one run of the action was asked to do.
type Config struct {
	Image     Image
	Platforms []v1.Platform // what `platforms` selects; nil: all
	Recursive bool          // sign each platform manifest as well as the index

	SBOM           bool
	AllowEmptySBOM bool

	Registry Registry
	Sigstore Sigstore

	OutputDir string // relative to the workspace, with slashes
	Summary   bool
	DryRun    bool
	Timeout   time.Duration

	Job Job
}

// Registry is how to talk to the registry of the image.
type Registry struct {
	Username string // empty: anonymous
	Password secret.String
}

// Sigstore is the Sigstore instance that signs. Where a field is empty, the TUF
// repository decides.
type Sigstore struct {
	Audience          string   // of the OIDC token
	FulcioURL         *url.URL // set together with RekorURL
	RekorURL          *url.URL
	SigningConfig     []byte   // Sigstore signing config, JSON
	TrustedRoot       []byte   // Sigstore trusted root, JSON
	TUFURL            *url.URL // nil: the public good instance
	TUFRoot           []byte   // first root of TUFURL, JSON
	PrivateRepository bool     // the repository may appear in public services although it is private
}

// Parse reads the inputs (INPUT_*) and the job's environment (GITHUB_*) through getenv.
// The error is one [problem.Problem] with the code input-invalid that lists every mistake.
func Parse(getenv func(string) string) (*Config, error) {
	r := newReader(getenv)
	cfg := &Config{
		Image:          r.image(),
		Platforms:      r.platforms(),
		Recursive:      r.flag("recursive"),
		SBOM:           r.flag("sbom"),
		AllowEmptySBOM: r.flag("allow-empty-sbom"),
		OutputDir:      r.folder("output-dir"),
		Summary:        r.flag("summary"),
		DryRun:         r.flag("dry-run"),
		Timeout:        r.timeout("timeout"),
		Job:            r.job(),
	}
	r.format()
	cfg.Registry = r.registry(cfg.Image, cfg.Job)
	cfg.Sigstore = r.sigstore()
	return cfg, r.problem()
}

// format accepts the one format there is. It is an input already because workflows name it.
func (r *reader) format() {
	for _, f := range r.list("format") {
		if f != "spdx-json" {
			r.wrong("format", quote(f)+" is not a format of this version", "format: spdx-json")
		}
	}
}

func (r *reader) sigstore() Sigstore {
	s := Sigstore{
		Audience:          r.text("oidc-audience"),
		FulcioURL:         r.serviceURL("fulcio-url"),
		RekorURL:          r.serviceURL("rekor-url"),
		SigningConfig:     r.file("signing-config"),
		TrustedRoot:       r.file("trusted-root"),
		TUFURL:            r.serviceURL("tuf-url"),
		TUFRoot:           r.file("tuf-root"),
		PrivateRepository: r.flag("private-repository"),
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
	if (has("fulcio-url") || has("signing-config")) && !has("trusted-root") && !has("tuf-url") {
		r.wrong("trusted-root", "another Sigstore needs its own trust root to be verified", "trusted-root: path/to/trusted_root.json   # or tuf-url and tuf-root")
	}
	if has("tuf-root") && !has("tuf-url") {
		r.wrong("tuf-url", "tuf-root is set without the repository that it is the root of", "tuf-url: https://tuf.example.com")
	}
	return s
}

func (r *reader) registry(img Image, job Job) Registry {
	reg := Registry{
		Username: r.text("registry-username"),
		Password: secret.New(r.text("registry-password")),
	}
	switch {
	case reg.Username != "" && reg.Password.Empty():
		r.wrong("registry-password", "registry-username is set without it (is the secret available to this workflow?)", "registry-password: ${{ secrets.REGISTRY_PASSWORD }}")
	case reg.Username == "" && !reg.Password.Empty():
		r.wrong("registry-username", "registry-password is set without it", "registry-username: ${{ vars.REGISTRY_USERNAME }}")
	case reg.Username == "" && r.text("github-token") != "" && img.Ref != nil && img.Ref.Context().RegistryStr() == job.containerRegistry():
		reg.Username, reg.Password = job.Actor, secret.New(r.text("github-token"))
	}
	return reg
}
