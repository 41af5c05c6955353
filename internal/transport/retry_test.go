package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/transport"
)

// TestRetryAfterSlowsAll: what one request is told, all others to that host keep to.
//
// faults: F09 F22 F40
func TestRetryAfterSlowsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		start := time.Now()
		c := inProcess(func(attempt int, w http.ResponseWriter, r *http.Request) error {
			switch since := time.Since(start); {
			case attempt == 1:
				return header("30", 429)(1, w, r)
			case r.URL.Host == "log.test" && since < 30*time.Second:
				t.Errorf("asked again after %s", since)
			case r.URL.Host != "log.test" && since > time.Second:
				t.Errorf("another host waited for %s", since)
			}
			return nil
		}).client(&attempts)
		get(t, c, "https://log.test/")
		var all sync.WaitGroup
		start = time.Now()
		attempts.Store(0)
		for _, host := range []string{"log.test", "log.test", "other.test", "log.test"} {
			all.Go(func() { get(t, c, "https://"+host+"/") })
			synctest.Wait() // the first has its answer
		}
		all.Wait()
		if attempts.Load() != 5 {
			t.Errorf("%d attempts, want the one that was told to wait, and one for each", attempts.Load())
		}
	})
}

// TestTooManySlowsAll: a host that answers 429, and does not say for how long, is left alone for a
// moment by all; one that answers 503 is not.
func TestTooManySlowsAll(t *testing.T) {
	t.Parallel()
	for status, waits := range map[int]bool{http.StatusTooManyRequests: true, http.StatusServiceUnavailable: false} {
		synctest.Test(t, func(t *testing.T) {
			var attempts atomic.Int32
			start := time.Now()
			var second time.Duration
			c := inProcess(func(attempt int, w http.ResponseWriter, r *http.Request) error {
				if attempt == 1 {
					w.WriteHeader(status)
				}
				if r.URL.Path == "/second" {
					second = time.Since(start)
				}
				return nil
			}).client(&attempts)
			var all sync.WaitGroup
			for _, path := range []string{"/first", "/second"} {
				all.Go(func() { get(t, c, "https://log.test"+path) })
				synctest.Wait() // the first has its answer
			}
			all.Wait()
			if waited := second >= 500*time.Millisecond; waited != waits {
				t.Errorf("after %d another request waited for %s", status, second)
			}
		})
	}
}

func get(t *testing.T, c *http.Client, url string) {
	t.Helper()
	resp, err := c.Do(request(t, http.MethodGet, url, nil))
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
}

func TestOnce(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	req := request(t, http.MethodGet, "https://log.test/", nil)
	_, err := status(503, 200).client(&attempts).Do(req.WithContext(transport.Once(t.Context())))
	failed, ok := errors.AsType[*transport.StatusError](err)
	if !ok || failed.Status != 503 || attempts.Load() != 1 {
		t.Errorf("%d attempts, error %v", attempts.Load(), err)
	}
}

// TestLastFailure: who stops a request learns what had kept it.
func TestLastFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		cause := errors.New("the stage is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, cause)
		defer cancel()
		_, err := header("20", 503).client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil).WithContext(ctx))
		failed, ok := errors.AsType[*transport.StatusError](err)
		if !errors.Is(err, cause) || !ok || failed.Status != 503 {
			t.Errorf("error %v", err)
		}
	})
}

func TestAttemptsInErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		_, err := header("1", 503).client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil))
		if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: busy (6 attempts in ") {
			t.Errorf("error %v", err)
		}
		_, err = broken(errors.New("reset"), 200).client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil))
		if err != nil {
			t.Errorf("error %v", err)
		}
		attempts.Store(0)
		failing := inProcess(func(int, http.ResponseWriter, *http.Request) error { return errors.New("reset") })
		_, err = failing.client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil))
		if err == nil || !strings.Contains(err.Error(), "reset (6 attempts in ") {
			t.Errorf("error %v", err)
		}
	})
}

// TestConnectionIsUsedAgain: a retry needs no new connection, though the answer had a body.
func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	var attempts, connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if attempts.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := &http.Client{Transport: transport.New(transport.Options{Log: discard})}
	resp, err := c.Do(request(t, http.MethodPost, server.URL, strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if attempts.Load() != 2 || connections.Load() != 1 {
		t.Errorf("%d attempts on %d connections", attempts.Load(), connections.Load())
	}
}

// TestCertificate: one that is not trusted is no matter of patience.
func TestCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	c := &http.Client{Transport: transport.New(transport.Options{Log: discard})}
	for _, url := range []string{server.URL, strings.Replace(plain.URL, "http:", "https:", 1)} {
		_, err := c.Do(request(t, http.MethodGet, url, nil))
		if err == nil || strings.Contains(err.Error(), "attempts") {
			t.Errorf("error %v, want one attempt", err)
		}
	}
}

// TestNobodyHere: a port of this machine where nothing listens is no matter of patience either.
func TestNobodyHere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := &http.Client{Transport: transport.New(transport.Options{Log: discard})}
	_, err := c.Do(request(t, http.MethodGet, server.URL, nil))
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "attempts") {
		t.Errorf("error %v, want one attempt", err)
	}
}

// slowDial is the error of package net for a connection that was not made in time.
type slowDial struct{}

func (slowDial) Error() string        { return "i/o timeout" }
func (slowDial) Timeout() bool        { return true }
func (slowDial) Is(target error) bool { return target == context.DeadlineExceeded }

// TestSlowDial: the next try may find the host.
func TestSlowDial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		get(t, broken(&net.OpError{Op: "dial", Err: slowDial{}}, 200).client(&attempts), "https://log.test/")
		if attempts.Load() != 2 {
			t.Errorf("%d attempts, want two", attempts.Load())
		}
	})
}
