package front

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// A link is a line that carries so many bytes a second, of all requests together and in both
// directions: what is sent waits until all that was sent before has gone through.
type link struct {
	rate int // bytes a second

	mu   sync.Mutex
	free time.Time // when what was sent so far has gone through
}

// piece is how many bytes go through at a time, so that those who share the link take turns.
const piece = 4 << 10

// carry returns when n bytes have gone through, or ctx is over.
func (l *link) carry(ctx context.Context, n int) error {
	l.mu.Lock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
	wait := time.Until(l.free)
	l.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve answers a request over the link.
func (l *link) serve(w http.ResponseWriter, r *http.Request, server http.Handler) {
	r.Body = &carriedBody{ReadCloser: r.Body, link: l, ctx: r.Context()}
	server.ServeHTTP(&carriedAnswer{ResponseWriter: w, link: l, ctx: r.Context()}, r)
}

type carriedBody struct {
	io.ReadCloser
	link *link
	ctx  context.Context //nolint:containedctx // the body is of one request
}

func (b *carriedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), piece)])
	if n > 0 {
		if late := b.link.carry(b.ctx, n); late != nil {
			return n, late
		}
	}
	return n, err
}

type carriedAnswer struct {
	http.ResponseWriter
	link *link
	ctx  context.Context //nolint:containedctx // the answer is to one request
}

func (a *carriedAnswer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		part := p[:min(len(p), piece)]
		if err := a.link.carry(a.ctx, len(part)); err != nil {
			return written, err
		}
		n, err := a.ResponseWriter.Write(part)
		if written += n; err != nil {
			return written, err
		}
		p = p[len(part):]
	}
	return written, nil
}

// Unwrap lets http.ResponseController find the writer below.
func (a *carriedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
