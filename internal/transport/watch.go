package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// headerTimeout bounds the time from the last byte sent to the start of the answer. The
	// public Rekor has been seen to take 32 s; giving up earlier turns a slow answer into a
	// conflict.
	headerTimeout = 90 * time.Second
	// idleTimeout bounds the time between two bytes of an answer.
	idleTimeout = time.Minute
)

var (
	errNoAnswer = errors.New("the server did not answer within " + headerTimeout.String())
	errStalled  = fmt.Errorf("%w: the server sent nothing more for %s", io.ErrUnexpectedEOF, idleTimeout)
)

// watched ends attempts that stand still. It bounds no whole attempt: a large layer takes as
// long as it takes.
type watched struct{ next http.RoundTripper }

func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	unanswered := &patience{timer: time.AfterFunc(headerTimeout, func() { cancel(errNoAnswer) })}
	resp, err := w.next.RoundTrip(unanswered.watch(req.WithContext(ctx)))
	unanswered.end()
	if err != nil {
		if errors.Is(context.Cause(ctx), errNoAnswer) {
			err = errNoAnswer
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &receiving{ReadCloser: resp.Body, ended: ctx.Err, cancel: cancel}
	return resp, nil
}

// patience is the time that is left for an answer to start.
type patience struct {
	mu    sync.Mutex
	timer *time.Timer // nil once there is an answer: the rest may be sent after it
}

// watch gives req, which is ours, a body that renews the time. So does the one that net/http takes to
// send it anew, where a connection turns out to be closed.
func (p *patience) watch(req *http.Request) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	req.Body = &sending{req.Body, p}
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return &sending{body, p}, nil
		}
	}
	return req
}

func (p *patience) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Reset(headerTimeout)
	}
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
	p.timer = nil
}

// sending is a request body. What is read of it is sent, and starts the time anew.
type sending struct {
	io.ReadCloser
	unanswered *patience
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.unanswered.renew()
	return n, err
}

// receiving is the body of an answer. The time counts only while it is read: who reads may
// be slower than the server. What breaks off is an [io.ErrUnexpectedEOF], which over HTTP/2 it
// is not by itself.
type receiving struct {
	io.ReadCloser
	ended   func() error // of the context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	stalled atomic.Bool
}

func (r *receiving) Read(p []byte) (int, error) {
	if r.timer == nil {
		r.timer = time.AfterFunc(idleTimeout, func() {
			r.stalled.Store(true)
			r.cancel(errStalled)
		})
	} else {
		r.timer.Reset(idleTimeout)
	}
	n, err := r.ReadCloser.Read(p)
	r.timer.Stop()
	switch {
	case err == nil, errors.Is(err, io.EOF):
	case r.stalled.Load():
		err = errStalled
	case r.ended() == nil && !errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	return n, err
}

func (r *receiving) Close() error {
	defer r.cancel(nil)
	return r.ReadCloser.Close()
}
