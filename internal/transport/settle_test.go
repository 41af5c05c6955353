package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/transport"
)

var errStopped = errors.New("the run was stopped")

// stopAfter sends a request whose context ends after a second. The server answers after took.
func stopAfter(t *testing.T, method string, status int, took time.Duration) (attempts int, waited time.Duration, resp *http.Response, err error) {
	t.Helper()
	c := through(func(req *http.Request) (*http.Response, error) {
		attempts++
		timer := time.NewTimer(took)
		defer timer.Stop()
		select {
		case <-timer.C:
			return &http.Response{StatusCode: status, Body: http.NoBody, Request: req}, nil
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Second, func() { cancel(errStopped) })
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, method, "https://log.test/entries", strings.NewReader("entry"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err = c.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return attempts, time.Since(start), resp, err
}

// TestSettles: what changes something has a moment for its answer when the run is stopped,
// what reads has none, and nothing is tried again.
//
// faults: F64
func TestSettles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method string
		status int
		took   time.Duration
		want   time.Duration
		ok     bool
		asks   string // the host of which it is not known whether it has acted
	}{
		"answered":        {http.MethodPost, 201, 2 * time.Second, 2 * time.Second, true, ""},
		"answered late":   {http.MethodPut, 201, time.Hour, 3 * time.Second, false, "log.test"},
		"failed":          {http.MethodPost, 503, 2 * time.Second, 2 * time.Second, false, ""},
		"reads":           {http.MethodGet, 200, 2 * time.Second, time.Second, false, ""},
		"was not stopped": {http.MethodPost, 201, time.Second / 2, time.Second / 2, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts, waited, _, err := stopAfter(t, tt.method, tt.status, tt.took)
				if attempts != 1 || waited != tt.want || (err == nil) != tt.ok {
					t.Errorf("%d attempts in %s, error %v; want one in %s, success %t", attempts, waited, err, tt.want, tt.ok)
				}
				if err != nil && !errors.Is(err, errStopped) && tt.method != http.MethodGet {
					t.Errorf("%v does not say why it was stopped", err)
				}
				unanswered, ok := errors.AsType[*transport.UnansweredError](err)
				if ok != (tt.asks != "") || ok && unanswered.Unanswered() != tt.asks {
					t.Errorf("unanswered: %v, want of %q", err, tt.asks)
				}
			})
		})
	}
}

// TestNothingBeginsAfterTheEnd: no request is sent once the run is stopped.
//
// faults: F64
func TestNothingBeginsAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	c := through(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, errors.New("sent")
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://registry.test/", strings.NewReader("manifest"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, errStopped) {
		t.Errorf("error %v", err)
	}
}
