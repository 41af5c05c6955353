// Package transport is the one HTTP stack of the action: retries, timeouts, redirects, user
// agent and a debug log without secrets, for the registry, the token endpoint, GitHub's
// services and Sigstore alike.
//
// Retries live here and nowhere else; clients are built with their own switched off. What
// needs understanding (an empty token, a 409 of Rekor) is the adapters' business.
//
// Every request may arrive twice, as an answer can be lost after the server has acted. GET,
// HEAD, PUT and DELETE say the same thing twice. So does each POST that this action makes:
//   - Fulcio makes another certificate, for the same key;
//   - Rekor answers 409 to an entry that it has, which is then fetched;
//   - a timestamp authority signs the time once more;
//   - a registry opens another upload, and forgets the first;
//   - a token server gives another token;
//   - the artifact service answers that there is such an artifact, and it is looked up;
//   - a release answers that it has an asset of that name, which is compared;
//   - a snapshot replaces that of the same job;
//   - GitHub may list an attestation twice, which says the same twice.
//
// A tag that others add to is the exception, as what is sent again may be older than what they have
// stored: the registry's adapter asks for one attempt ([Once]), repeats nothing itself ([IsOnce]),
// and reads the tag again.
package transport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// maxReplayBytes bounds a request body that is kept for a retry: an SBOM in its envelope.
const maxReplayBytes = 256 << 20

// Options of [New].
type Options struct {
	Base      http.RoundTripper // nil: a new connection pool that honours HTTPS_PROXY
	Log       *slog.Logger      // gets one Debug record per attempt
	UserAgent string            // e.g. "seal-image/1.0.0"
}

// New returns the HTTP stack. A request that fails on the way, or is answered 408, 425, 429 or
// 5xx (501 and 505 excepted), is sent again up to five times with jitter, honouring
// Retry-After. So is one whose answer breaks off within its first 64 KiB, which is all that
// most of them have; what breaks off later is the caller's to notice, as an
// [io.ErrUnexpectedEOF] whatever the protocol. A last such answer becomes a [*StatusError]; all
// others pass unchanged. The errors of a request whose context ends while it is tried again have
// both the cause and the last failure in them.
//
// A request that may change something and is under way when its context ends has two seconds
// more for its answer; without one, the error is an [*UnansweredError].
//
// A redirect is an error, of type [*RefusedError], unless [From] allows it.
func New(o Options) *Stack {
	base := o.Base
	if base == nil {
		base = newPool()
	}
	return &Stack{
		next:      &logged{next: &settled{next: &watched{next: base}}, log: o.Log},
		base:      base,
		userAgent: o.UserAgent,
		pauses:    &pauses{until: map[string]time.Time{}},
	}
}

// Stack is an [http.RoundTripper]. It is the outer layer: what happens once per request. What
// happens once per attempt is below it.
type Stack struct {
	next      http.RoundTripper
	base      http.RoundTripper
	userAgent string
	pauses    *pauses
}

// CloseIdleConnections closes the connections that nobody uses, and what is kept for them.
func (s *Stack) CloseIdleConnections() {
	(&http.Client{Transport: s.base}).CloseIdleConnections()
}

// RoundTrip implements [http.RoundTripper].
func (s *Stack) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := mayGo(req); err != nil {
		closeBody(req)
		return nil, err
	}
	req, err := replayable(req)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", s.userAgent)
	return s.persist(req)
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

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nothing was sent of it
	}
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

// Wait returns after d, or with the cause of ctx if that ends before.
func Wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil { // else chance would decide where d is 0
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
