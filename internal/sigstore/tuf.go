package sigstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// tufLimit is for all that is fetched of a TUF repository, a handful of small files. A
// repository that sends a byte a minute would else hold the run.
const tufLimit = 30 * time.Second

var errStalled = errors.New("the TUF repository takes too long")

// repository is a TUF repository whose metadata was verified.
type repository struct {
	client *tuf.Client
}

// openRepository fetches the metadata and keeps it in memory: a cache on disk would outlive
// the run and be shared between jobs. Without one, a repository that serves what it had
// days ago is only found out when that has expired.
//
// Specification: https://theupdateframework.github.io/specification/latest/
func openRepository(ctx context.Context, i Instance, rt http.RoundTripper) (*repository, error) {
	options := tuf.DefaultOptions().WithDisableLocalCache().WithContext(ctx)
	options.RepositoryBaseURL = cmp.Or(i.TUFURL, tuf.DefaultMirror)
	if len(i.TUFRoot) > 0 {
		options.Root = i.TUFRoot
	}
	f := fetcher.NewDefaultFetcher()
	bound := transport.Bind(ctx, rt)
	if u, err := url.Parse(options.RepositoryBaseURL); err == nil { // a mirror may redirect: what it serves is signed
		bound = transport.From(u.Scheme, u.Host, bound)
	}
	f.SetHTTPClient(&http.Client{Transport: bound})
	f.SetRetryOptions(backoff.WithMaxTries(1)) // the transport retries
	options.Fetcher = f
	client, err := tuf.New(options)
	if err != nil {
		return nil, err
	}
	return &repository{client}, nil
}

// fetch reads a target: the one that the user named, or the usual one.
func fetch[T any](r *repository, file File, usual string, parse func([]byte) (T, error)) (parsed T, err error) {
	name := cmp.Or(file.Target, usual)
	encoded, err := r.client.GetTarget(name)
	if err != nil {
		if file.Target != "" && !isServerFault(err) {
			return parsed, noTarget(name, err)
		}
		return parsed, err
	}
	if parsed, err = parse(encoded); err != nil {
		return parsed, fmt.Errorf("%s: %w", name, err)
	}
	return parsed, nil
}

// isServerFault reports whether a target could not be had although it is listed.
func isServerFault(err error) bool {
	_, status := errors.AsType[*metadata.ErrDownloadHTTP](err)
	_, hash := errors.AsType[*metadata.ErrLengthOrHashMismatch](err)
	_, length := errors.AsType[*metadata.ErrDownloadLengthMismatch](err)
	return status || hash || length || isNetwork(err)
}

func isNetwork(err error) bool {
	_, down := errors.AsType[*transport.StatusError](err)
	_, network := errors.AsType[interface {
		error
		Timeout() bool
	}](err) // of net/http and of net
	return down || network
}

func noTarget(name string, err error) error {
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("There is no %q.", name),
		Why:  "It is neither a file in the workspace nor a target of the TUF repository.",
		Fix:  "Check the spelling. A file is named with its path, relative to the workspace:\n  signing-config: path/to/signing_config.json",
		Err:  err,
	}
}

// noTrust explains why there is no trust root.
func (t *trust) noTrust(ctx context.Context, err error) error {
	if _, explained := errors.AsType[*problem.Problem](err); explained {
		return err
	}
	fix := "Run the job again. With a repository of your own, check tuf-url and tuf-root; without a way to reach it, hand over the file with trusted-root."
	why := "gave no valid answer"
	_, expired := errors.AsType[*metadata.ErrExpiredMetadata](err)
	_, old := errors.AsType[*metadata.ErrBadVersionNumber](err)
	_, foreign := errors.AsType[*metadata.ErrUnsignedMetadata](err)
	_, hash := errors.AsType[*metadata.ErrLengthOrHashMismatch](err)
	switch {
	case errors.Is(context.Cause(ctx), errStalled):
		why = fmt.Sprintf("did not hand over its files within %s", tufLimit)
	case expired:
		why = "serves metadata that has expired: nobody renews it, or somebody holds back what is newer"
	case old:
		why = "serves an older version than it names: somebody may be bringing back what was replaced"
	case foreign:
		why = "serves metadata that its root has not signed"
	case hash:
		why = "serves a file that differs from the one it has signed"
	case isNetwork(err):
		why = "cannot be reached"
	}
	if expired || old || foreign || hash {
		fix = "Nothing was trusted. If that does not pass, tell who runs the repository; with one of your own, check tuf-root."
	}
	why += "."
	if blocked, advice := transport.Blocked(err); blocked != "" {
		why, fix = why+" "+blocked, advice
	}
	return &problem.Problem{
		Code: problem.TrustRoot,
		What: "The trust root of Sigstore could not be fetched.",
		Why:  fmt.Sprintf("The TUF repository %s %s", cmp.Or(t.instance.TUFURL, tuf.DefaultMirror), why),
		Fix:  fix,
		Err:  err,
	}
}
