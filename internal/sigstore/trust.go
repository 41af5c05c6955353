package sigstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// Instance says which Sigstore signs. What is empty comes from the TUF repository, which
// is that of the public good instance if TUFURL is empty.
type Instance struct {
	FulcioURL     string // together with RekorURL, which is of version 1
	RekorURL      string
	TimestampURL  string // of a timestamp authority (RFC 3161), with path; goes with the two
	SigningConfig File
	TrustedRoot   File
	TUFURL        string
	TUFRoot       []byte // JSON
}

// File is a file by its content, or by its name among the targets of the TUF repository.
// The zero File is the one that the repository has for everybody.
type File struct {
	JSON   []byte
	Target string
}

// The targets that clients take where nothing else is said.
// Source: https://github.com/sigstore/root-signing/tree/main/targets
const (
	trustedRootTarget   = "trusted_root.json"
	signingConfigTarget = "signing_config.v0.2.json"
)

// trust is an Instance whose files were parsed.
type trust struct {
	instance Instance
	root     *root.TrustedRoot   // nil: from TUF
	config   *root.SigningConfig // nil: from the URLs or TUF
}

func newTrust(i Instance) (*trust, error) {
	t := &trust{instance: i}
	var err error
	if len(i.TrustedRoot.JSON) > 0 {
		if t.root, err = parseTrustedRoot(i.TrustedRoot.JSON); err != nil {
			return nil, badFile("trusted-root", "a Sigstore trusted root", err)
		}
	}
	if len(i.SigningConfig.JSON) > 0 {
		if t.config, err = parseSigningConfig(i.SigningConfig.JSON); err != nil {
			return nil, badFile("signing-config", "a Sigstore signing config", err)
		}
	}
	return t, nil
}

func parseTrustedRoot(encoded []byte) (*root.TrustedRoot, error) {
	return guarded(func() (*root.TrustedRoot, error) { return root.NewTrustedRootFromJSON(encoded) })
}

func parseSigningConfig(encoded []byte) (*root.SigningConfig, error) {
	return guarded(func() (*root.SigningConfig, error) { return root.NewSigningConfigFromJSON(encoded) })
}

func badFile(input, what string, err error) error {
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("The file of the input %s is not %s.", input, what),
		Why:  err.Error(),
		Fix:  "Take the file from the TUF repository of your Sigstore, or make it with `cosign trusted-root create` or `cosign signing-config create`.",
		Err:  err,
	}
}

// material fetches from TUF the trusted root, unless there is a file, and for signing what
// names the services; config stays nil where URLs do.
func (t *trust) material(ctx context.Context, rt http.RoundTripper, signing bool) (*root.TrustedRoot, *root.SigningConfig, error) {
	trusted, config := t.root, t.config
	wantConfig := signing && config == nil && t.instance.FulcioURL == ""
	if trusted != nil && !wantConfig {
		return trusted, config, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, tufLimit, errStalled)
	defer cancel()
	repository, err := openRepository(limited, t.instance, rt)
	if err == nil && trusted == nil {
		trusted, err = fetch(repository, t.instance.TrustedRoot, trustedRootTarget, parseTrustedRoot)
	}
	if err == nil && wantConfig {
		config, err = fetch(repository, t.instance.SigningConfig, signingConfigTarget, parseSigningConfig)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	case err != nil:
		return nil, nil, t.noTrust(limited, err)
	}
	return trusted, config, nil
}

// load finds what signs in the given format, and what verifies it.
func (t *trust) load(ctx context.Context, rt http.RoundTripper, format attest.SignatureFormat) (*services, error) {
	trusted, config, err := t.material(ctx, rt, true)
	if err != nil {
		return nil, err
	}
	s := &services{
		verifier: verifier{root: trusted},
		fulcio:   t.instance.FulcioURL,
		rekor:    t.instance.RekorURL,
		version:  1,
		format:   format,
	}
	if t.instance.TimestampURL != "" {
		s.timestamp = []string{t.instance.TimestampURL}
	}
	if config != nil {
		if err := s.choose(config, time.Now()); err != nil {
			return nil, t.badConfig(ctx, err)
		}
	}
	return s, s.complete()
}

// badConfig explains a signing config that names nothing to sign with. That of the user is
// theirs to correct.
func (t *trust) badConfig(ctx context.Context, err error) error {
	_, explained := errors.AsType[*problem.Problem](err)
	switch given := t.instance.SigningConfig; {
	case explained:
		return err
	case given.Target != "" || len(given.JSON) > 0:
		return badFile("signing-config", "a signing config that we can use", err)
	}
	return t.noTrust(ctx, fmt.Errorf("signing config: %w", err))
}
