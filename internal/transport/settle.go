package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// settleTime is how long an answer is waited for after the run was stopped: the runner kills
// after 10 s, and what has become public is to be written down before.
const settleTime = 2 * time.Second

// settled lets a request that changes something come to its answer after its context has ended,
// so that the run can say what it has changed. None is begun then.
type settled struct{ next http.RoundTripper }

func (s *settled) RoundTrip(req *http.Request) (*http.Response, error) {
	stopped := req.Context()
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return s.next.RoundTrip(req)
	}
	if stopped.Err() != nil {
		closeBody(req)
		return nil, context.Cause(stopped)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(stopped))
	late := &late{}
	unbind := context.AfterFunc(stopped, func() {
		late.start(func() {
			cancel(&UnansweredError{Method: req.Method, Host: req.URL.Host, cause: context.Cause(stopped)})
		})
	})
	release := func() { unbind(); late.stop(); cancel(nil) }
	resp, err := s.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if unanswered := context.Cause(ctx); unanswered != nil {
			err = unanswered
		}
		release()
		return nil, err
	}
	resp.Body = &boundBody{ReadCloser: resp.Body, release: release}
	return resp, nil
}

// late is the timer of a context that has ended.
type late struct {
	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func (l *late) start(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.timer = time.AfterFunc(settleTime, do)
	}
}

func (l *late) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// An UnansweredError is the end of a context while a request that changes something was under
// way: whether it has done so is not known.
type UnansweredError struct {
	Method, Host string
	cause        error // of the end
}

func (e *UnansweredError) Error() string {
	return fmt.Sprintf("%v; %s had not answered a %s by then", e.cause, e.Host, e.Method)
}

// Unwrap gives the cause of the end.
func (e *UnansweredError) Unwrap() error { return e.cause }

// Ended is the cause of the end of ctx, or err where that says more: that a request was under
// way, an [*UnansweredError].
func Ended(ctx context.Context, err error) error {
	if unanswered, ok := errors.AsType[*UnansweredError](err); ok {
		return unanswered
	}
	return context.Cause(ctx)
}

// Unanswered names the host that was asked.
func (e *UnansweredError) Unanswered() string { return e.Host }
