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
	sent := &sending{ReadCloser: req.Body, timer: time.AfterFunc(headerTimeout, func() { cancel(errNoAnswer) })}
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = sent
	}
	resp, err := w.next.RoundTrip(out)
	sent.answered()
	if err != nil {
		if errors.Is(context.Cause(ctx), errNoAnswer) {
			err = errNoAnswer
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &receiving{ReadCloser: resp.Body, cancel: cancel}
	return resp, nil
}

// sending is a request body. What is read of it is sent, and starts the time anew.
type sending struct {
	io.ReadCloser

	mu    sync.Mutex
	timer *time.Timer // nil once there is an answer: the rest may be sent after it
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Reset(headerTimeout)
	}
	return n, err
}

func (s *sending) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	s.timer = nil
}

// receiving is the body of an answer. The time counts only while it is read: who reads may
// be slower than the server.
type receiving struct {
	io.ReadCloser
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
	if err != nil && r.stalled.Load() {
		err = errStalled
	}
	return n, err
}

func (r *receiving) Close() error {
	defer r.cancel(nil)
	return r.ReadCloser.Close()
}
