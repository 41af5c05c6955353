package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

var (
	// lateWaits is how long an image may take to be seen that was pushed for sure, as its digest
	// is known: some registries show it half a minute after the push.
	lateWaits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second}
	// unsureWaits are for what may be a spelling mistake as well.
	unsureWaits = lateWaits[:2]
)

// present calls find again while the registry says that something is not there.
func present(ctx context.Context, waits []time.Duration, find func() error) error {
	err := find()
	for _, wait := range waits {
		if !isAbsent(err) {
			return err
		}
		if err := httpstack.Wait(ctx, wait); err != nil {
			return err
		}
		err = find()
	}
	return err
}

// isAbsent reports whether a registry has answered that something is not there. What has got
// another explanation is no matter of time.
func isAbsent(err error) bool {
	p, explained := errors.AsType[*problem.Problem](err)
	return notFound(err) && (!explained || p.Code == problem.ImageNotFound)
}

// unsteady asks again where ghcr.io answers 403 because it did not reach its own server for
// rights. It is below the library, which takes that for a refusal. What may be sent only once it
// leaves to the caller, as the transport does.
// Report: https://github.com/slsa-framework/slsa-github-generator/issues/1699
type unsteady struct{ next http.RoundTripper }

var (
	unsteadyWords = "unable to connect to authzd"
	unsteadyWaits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}
)

func (u unsteady) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(req)
	if httpstack.IsOnce(req.Context()) {
		return resp, err
	}
	for _, wait := range unsteadyWaits {
		if err != nil || !isUnsteady(resp) || (req.Body != nil && req.GetBody == nil) {
			return resp, err
		}
		_ = resp.Body.Close()
		if err := httpstack.Wait(req.Context(), wait+rand.N(wait)); err != nil { //nolint:gosec // spreads load, protects nothing
			return nil, err
		}
		again := req.Clone(req.Context())
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		resp, err = u.next.RoundTrip(again)
	}
	return resp, err
}

// brief cuts what a registry, or a proxy's page, says of a refusal: the library reads 64 KiB, and of
// more it forgets the status.
type brief struct{ next http.RoundTripper }

const maxRefusal = 32 << 10

func (b brief) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxRefusal), resp.Body}
	}
	return resp, err
}

// isUnsteady looks for the words in an answer, whose body can be read as before.
func isUnsteady(resp *http.Response) bool {
	const most = 64 << 10
	if resp.StatusCode != http.StatusForbidden {
		return false
	}
	start, err := io.ReadAll(io.LimitReader(resp.Body, most))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failing{err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), resp.Body}
	return bytes.Contains(start, []byte(unsteadyWords))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
