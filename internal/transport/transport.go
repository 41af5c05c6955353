// Package transport is the one HTTP stack of the action: retries, timeouts, user agent
// and a debug log without secrets, for the registry, the token endpoint and Sigstore alike.
//
// Retries live here and nowhere else; clients are built with their own switched off.
// What needs understanding (an empty token, a 409 of Rekor) is the adapters' business.
package transport

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sigstore/sigstore/pkg/httpretry"
)

const (
	// maxRetries and the waits give 3 to 16 s, by chance, before a service counts as down.
	maxRetries = 5
	waitMin    = 500 * time.Millisecond
	waitMax    = 30 * time.Second // also the longest Retry-After that is honoured

	dialTimeout = 15 * time.Second
	// headerTimeout bounds one attempt until the answer starts. The public Rekor has been
	// seen to take 32 s; giving up earlier turns a slow answer into a conflict.
	headerTimeout = 90 * time.Second

	// maxReplayBytes bounds a request body that is kept for a retry: an SBOM in its envelope.
	maxReplayBytes = 256 << 20
	// maxErrorBytes is how much of a failing server's answer is kept.
	maxErrorBytes = 512
)

// Options of [New].
type Options struct {
	Base      http.RoundTripper // nil: a new connection pool that honours HTTPS_PROXY
	Log       *slog.Logger      // gets one Debug record per attempt
	UserAgent string            // e.g. "seal-image/1.0.0"
}

// New returns the HTTP stack. A request that fails on the way, or is answered 429 or 5xx
// (501 excepted), is sent again up to five times with jitter, honouring Retry-After;
// a last such answer becomes a [*StatusError]. All other answers pass unchanged.
func New(o Options) http.RoundTripper {
	attempt := &logged{next: cmp.Or(o.Base, pool()), log: o.Log}
	retry := httpretry.NewTransport(attempt)
	retry.MaxRetries, retry.WaitMin, retry.WaitMax = maxRetries, waitMin, waitMax
	return &stack{next: retry, userAgent: o.UserAgent}
}

func pool() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
	}
}

// A StatusError is the last answer of a server that stayed unable to serve: 429 or 5xx.
type StatusError struct {
	Method  string
	Host    string // host of the request, with port
	Path    string // without query, which may carry credentials
	Status  int
	Message string // start of the server's answer, at most 512 bytes, not yet escaped
}

// Error is one line: method, host, path, status and the server's words.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s %s%s: %d %s", e.Method, e.Host, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// NewStatusError reads the start of resp's body into a StatusError and closes it.
func NewStatusError(resp *http.Response) *StatusError {
	defer resp.Body.Close()
	// A body that breaks off still leaves the status, which is what counts.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	e := &StatusError{Status: resp.StatusCode, Message: string(bytes.TrimSpace(text))}
	if r := resp.Request; r != nil {
		e.Method, e.Host, e.Path = r.Method, r.URL.Host, r.URL.Path
	}
	return e
}

// stack is the outer layer: what happens once per request, not once per attempt.
type stack struct {
	next      http.RoundTripper
	userAgent string
}

func (s *stack) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := replayable(req)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", s.userAgent)
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError {
		if resp.Request == nil {
			resp.Request = req
		}
		return nil, NewStatusError(resp)
	}
	return resp, nil
}

// replayable returns a copy of req whose body can be sent again. Some clients, go-openapi
// among them, hand over a pipe, which could be sent only once.
func replayable(req *http.Request) (*http.Request, error) {
	out := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {
		return out, nil
	}
	defer req.Body.Close()
	body, err := io.ReadAll(io.LimitReader(req.Body, maxReplayBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	if len(body) > maxReplayBytes {
		return nil, fmt.Errorf("request body of %s %s is larger than %d MiB", req.Method, req.URL.Host, maxReplayBytes>>20)
	}
	out.ContentLength = int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	out.Body, err = out.GetBody()
	return out, err
}

// logged writes one Debug record per attempt, without query, headers or bodies.
type logged struct {
	next http.RoundTripper
	log  *slog.Logger
}

func (l *logged) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := l.next.RoundTrip(req)
	attrs := []slog.Attr{
		slog.String("method", req.Method),
		slog.String("url", req.URL.Host+req.URL.Path),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	l.log.LogAttrs(req.Context(), slog.LevelDebug, "http", attrs...)
	return resp, err
}

// Bind makes every request through next end with ctx as well. It is for libraries that
// build their requests without the caller's context.
func Bind(ctx context.Context, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		bound, cancel := context.WithCancelCause(req.Context())
		stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
		resp, err := next.RoundTrip(req.WithContext(bound)) //nolint:contextcheck // it inherits both
		if err != nil {
			stop()
			cancel(nil)
			return nil, err
		}
		resp.Body = &boundBody{ReadCloser: resp.Body, release: func() { stop(); cancel(nil) }}
		return resp, nil
	})
}

// boundBody ends the binding when the answer has been read.
type boundBody struct {
	io.ReadCloser
	release func()
}

func (b *boundBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Wait returns after d, or with the cause of ctx if that ends before.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
