package sigstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// Instance says which Sigstore signs. What is empty comes from the TUF repository, which
// is that of the public good instance if TUFURL is empty.
type Instance struct {
	FulcioURL     string // together with RekorURL, which is of version 1
	RekorURL      string
	SigningConfig []byte // JSON
	TrustedRoot   []byte // JSON
	TUFURL        string
	TUFRoot       []byte // JSON
}

// trust is an Instance whose files were parsed.
type trust struct {
	instance Instance
	root     *root.TrustedRoot   // nil: from TUF
	config   *root.SigningConfig // nil: from the URLs or TUF
}

func newTrust(i Instance) (*trust, error) {
	t := &trust{instance: i}
	var err error
	if len(i.TrustedRoot) > 0 {
		if t.root, err = root.NewTrustedRootFromJSON(i.TrustedRoot); err != nil {
			return nil, badFile("trusted-root", "a Sigstore trusted root", err)
		}
	}
	if len(i.SigningConfig) > 0 {
		if t.config, err = root.NewSigningConfigFromJSON(i.SigningConfig); err != nil {
			return nil, badFile("signing-config", "a Sigstore signing config", err)
		}
	}
	return t, nil
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

// load fetches from TUF what the files do not give, and selects the services.
func (t *trust) load(ctx context.Context, rt http.RoundTripper) (*services, error) {
	trusted, config := t.root, t.config
	if trusted == nil || (config == nil && t.instance.FulcioURL == "") {
		client, err := t.tuf(ctx, rt)
		if err != nil {
			return nil, t.noTrust(ctx, err)
		}
		if trusted == nil {
			if trusted, err = root.GetTrustedRoot(client); err != nil {
				return nil, t.noTrust(ctx, err)
			}
		}
		if config == nil && t.instance.FulcioURL == "" {
			if config, err = root.GetSigningConfig(client); err != nil {
				return nil, t.noTrust(ctx, err)
			}
		}
	}
	s := &services{root: trusted, fulcio: t.instance.FulcioURL, rekor: t.instance.RekorURL}
	if config == nil {
		return s, nil
	}
	if err := s.choose(config, time.Now()); err != nil && t.config == nil {
		return nil, t.noTrust(ctx, fmt.Errorf("signing config: %w", err))
	} else if err != nil {
		return nil, badFile("signing-config", "a signing config that we can use", err)
	}
	return s, nil
}

// tuf returns a client of the repository that keeps everything in memory: a cache on disk
// would outlive the run and be shared between jobs.
func (t *trust) tuf(ctx context.Context, rt http.RoundTripper) (*tuf.Client, error) {
	options := tuf.DefaultOptions().WithDisableLocalCache().WithContext(ctx)
	if t.instance.TUFURL != "" {
		options.RepositoryBaseURL = t.instance.TUFURL
	}
	if len(t.instance.TUFRoot) > 0 {
		options.Root = t.instance.TUFRoot
	}
	f := fetcher.NewDefaultFetcher()
	f.SetHTTPClient(&http.Client{Transport: transport.Bind(ctx, rt)})
	f.SetRetryOptions(backoff.WithMaxTries(1)) // the transport retries
	options.Fetcher = f
	return tuf.New(options)
}

func (t *trust) noTrust(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	from := t.instance.TUFURL
	if from == "" {
		from = tuf.DefaultMirror
	}
	return &problem.Problem{
		Code: problem.TrustRoot,
		What: "The trust root of Sigstore could not be fetched.",
		Why:  fmt.Sprintf("The TUF repository %s gave no valid answer.", from),
		Fix:  "Run the job again. With a repository of your own, check tuf-url and tuf-root; without a way to reach it, hand over the file with trusted-root.",
		Err:  err,
	}
}

// services are the endpoints that sign, and the root that verifies what they say.
type services struct {
	root      *root.TrustedRoot
	fulcio    string   // URL
	rekor     string   // URL of a log of version 1
	timestamp []string // URLs with path
}

// choose selects the services of a signing config that are valid now.
func (s *services) choose(config *root.SigningConfig, now time.Time) error {
	fulcio, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), []uint32{1}, now)
	if err != nil {
		return errors.New("it has no Fulcio with API version 1 that is valid now") // the library's words have only the time
	}
	// Version 1 is what old and new verifiers understand; a log of version 2 gives no
	// inclusion promise.
	rekor, err := root.SelectServices(config.RekorLogURLs(), config.RekorLogURLsConfig(), []uint32{1}, now)
	if err != nil {
		return errors.New("it has no Rekor with API version 1 that is valid now")
	}
	if len(rekor) != 1 {
		return errors.New("it asks for several logs, and one is supported")
	}
	s.fulcio, s.rekor = fulcio.URL, rekor[0].URL
	if len(config.TimestampAuthorityURLs()) == 0 {
		return nil
	}
	authorities, err := root.SelectServices(config.TimestampAuthorityURLs(), config.TimestampAuthorityURLsConfig(), []uint32{1}, now)
	if err != nil {
		return errors.New("it has fewer timestamp authorities with API version 1 than it asks for")
	}
	for _, a := range authorities {
		s.timestamp = append(s.timestamp, a.URL)
	}
	return nil
}

// public reports whether a service that learns the identity is one of the public good
// instance. Fulcio publishes in its CT log what Rekor publishes in its entries.
func (s *services) public() bool {
	return below(s.fulcio, "sigstore.dev") || below(s.rekor, "sigstore.dev")
}

func below(service, domain string) bool {
	u, err := url.Parse(service)
	if err != nil {
		return true // better to ask once too often
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// entryURL is where a person can look at a log entry.
func (s *services) entryURL(index int64) string {
	if below(s.rekor, "rekor.sigstore.dev") {
		return fmt.Sprintf("https://search.sigstore.dev/?logIndex=%d", index)
	}
	return fmt.Sprintf("%s/api/v1/log/entries?logIndex=%d", strings.TrimRight(s.rekor, "/"), index)
}
