package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// maxAttempts and the waits give 3 to 18 s, by chance, before a service counts as down, and
	// 23 s where all have to wait.
	maxAttempts = 6
	// waitMin is before every attempt but the first. A random part is added, whose bound
	// doubles each time and starts with as much.
	waitMin = 500 * time.Millisecond
	// maxRetryAfter is the longest Retry-After that is honoured.
	maxRetryAfter = time.Minute
	// spread is within which those who wait for the same moment start.
	spread = time.Second
)

type onceKey struct{}

// Once makes each request of the returned context one attempt alone. It is for who asks
// again and again anyhow.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// IsOnce reports whether ctx is one of [Once]. It is for what repeats requests above the stack.
func IsOnce(ctx context.Context) bool { return ctx.Value(onceKey{}) != nil }

// persist sends req until there is an answer, within bounds.
func (s *Stack) persist(req *http.Request) (*http.Response, error) {
	ctx, start := req.Context(), time.Now()
	limit := maxAttempts
	if IsOnce(ctx) {
		limit = 1
	}
	var last error
	for attempt := 1; ; attempt++ {
		if err := s.pauses.pass(ctx, req.URL.Host); err != nil {
			closeBody(req)
			return nil, interrupted(err, last)
		}
		resp, err := s.next.RoundTrip(req)
		if err == nil && !cannotServe(resp.StatusCode) {
			if err = readAhead(resp); err == nil {
				return resp, nil
			}
		}
		if err != nil && ctx.Err() != nil {
			return nil, interrupted(err, last)
		}
		wait := backOff(attempt)
		if err == nil {
			if s.pauses.note(req.URL.Host, resp, wait) {
				wait = 0
			}
			err = status(resp, req)
		}
		last = counted(err, attempt, time.Since(start))
		if attempt == limit || !IsPassing(err) {
			return nil, last
		}
		if err := Wait(ctx, wait); err != nil {
			return nil, interrupted(err, last)
		}
		if req, err = fresh(req); err != nil {
			return nil, err
		}
	}
}

// cannotServe reports whether a status says that the server cannot serve, whatever the
// request is.
func cannotServe(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError
}

// mayRecover reports whether a status of [cannotServe] may be another one soon.
func mayRecover(status int) bool {
	return status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported
}

// IsPassing reports whether a request that failed may succeed if it is sent again. A
// certificate does not get better, nor does a server that speaks plain http, nor a proxy that
// does not know us.
func IsPassing(err error) bool {
	if failed, ok := errors.AsType[*StatusError](err); ok {
		return cannotServe(failed.Status) && mayRecover(failed.Status)
	}
	if proxy, ok := errors.AsType[*ProxyError](err); ok {
		return cannotServe(proxy.Code) && mayRecover(proxy.Code)
	}
	var (
		refused   *RefusedError
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		plain     tls.RecordHeaderError // what [http.Client] turns into http.ErrSchemeMismatch
	)
	switch {
	case isSlowDial(err):
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &refused), errors.As(err, &plain), isNobodyHere(err):
		return false
	case errors.As(err, &untrusted), errors.As(err, &authority), errors.As(err, &invalid), errors.As(err, &hostname):
		return false
	}
	return true
}

// isSlowDial reports whether a connection was not made in time. Package net has that error say
// that it is the end of a context.
func isSlowDial(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial" && dial.Timeout()
}

// isNobodyHere reports whether no program listens on this machine, which is the container of
// the action: what the user means runs elsewhere, and will not come.
func isNobodyHere(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	if !ok || !errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	to, ok := dial.Addr.(*net.TCPAddr)
	return ok && to.IP.IsLoopback()
}

// backOff is the wait after a failed attempt, the first being 1.
func backOff(attempt int) time.Duration {
	return waitMin + rand.N(waitMin<<(attempt-1)) //nolint:gosec // spreads load, protects nothing
}

// fresh is req to be sent again.
func fresh(req *http.Request) (*http.Request, error) {
	out := req.Clone(req.Context())
	if req.GetBody == nil {
		return out, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("read request body again: %w", err)
	}
	out.Body = body
	return out, nil
}

func status(resp *http.Response, req *http.Request) *StatusError {
	if resp.Request == nil {
		resp.Request = req
	}
	return NewStatusError(resp)
}

// counted adds the number of attempts to a failure.
func counted(err error, attempts int, took time.Duration) error {
	if failed, ok := errors.AsType[*StatusError](err); ok {
		failed.Attempts, failed.Took = attempts, took
		return failed
	}
	if attempts < 2 {
		return err
	}
	return fmt.Errorf("%w%s", err, tried(attempts, took))
}

// interrupted is the end of the context, and what had gone wrong before.
func interrupted(cause, last error) error {
	if last == nil {
		return cause
	}
	return fmt.Errorf("%w; before that: %w", cause, last)
}

// pauses are for what hosts have asked by Retry-After, or by 429 alone. All requests to a host
// wait, not only the one that was answered so.
type pauses struct {
	mu    sync.Mutex
	until map[string]time.Time // by host
}

// note takes down what resp asks for, and reports whether it does. A host that says that it is
// asked too often, and not for how long to leave it, is left alone for the wait.
func (p *pauses) note(host string, resp *http.Response, wait time.Duration) bool {
	if asked := retryAfter(resp.Header.Get("Retry-After")); asked > 0 {
		wait = min(asked, maxRetryAfter)
	} else if resp.StatusCode != http.StatusTooManyRequests {
		return false
	}
	end := time.Now().Add(wait)
	p.mu.Lock()
	defer p.mu.Unlock()
	if end.After(p.until[host]) {
		p.until[host] = end
	}
	return true
}

// pass returns when the host wants to be asked.
func (p *pauses) pass(ctx context.Context, host string) error {
	for {
		p.mu.Lock()
		left := time.Until(p.until[host])
		p.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if err := Wait(ctx, left+rand.N(spread)); err != nil { //nolint:gosec // spreads load, protects nothing
			return err
		}
	}
}

// retryAfter reads the header, which has seconds or a date; 0 if it says nothing.
// Specification: RFC 9110, section 10.2.3.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return time.Until(date)
	}
	return 0
}
