package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/transport"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server      inProcess
		attempts    int32
		status      int // of the answer, or of the StatusError
		failed      bool
		least, most time.Duration // waited
	}{
		"good":                    {server: status(200), attempts: 1, status: 200},
		"503 twice":               {server: status(503, 503, 200), attempts: 3, status: 200, least: time.Second, most: 2500 * time.Millisecond},
		"429":                     {server: status(429, 200), attempts: 2, status: 200, least: 500 * time.Millisecond, most: 2 * time.Second},
		"500 for ever":            {server: status(500), attempts: 6, status: 500, failed: true, least: 2500 * time.Millisecond, most: 18 * time.Second},
		"429 for ever":            {server: status(429), attempts: 6, status: 429, failed: true, least: 2500 * time.Millisecond, most: 23 * time.Second},
		"Retry-After":             {server: header("7", 503, 200), attempts: 2, status: 200, least: 7 * time.Second, most: 8 * time.Second},
		"Retry-After of an hour":  {server: header("3600", 429, 200), attempts: 2, status: 200, least: time.Minute, most: 61 * time.Second},
		"Retry-After in the past": {server: header("Mon, 01 Jan 1990 00:00:00 GMT", 503, 200), attempts: 2, status: 200, least: 500 * time.Millisecond, most: time.Second},
		"connection reset":        {server: broken(errors.New("connection reset"), 200), attempts: 2, status: 200, least: 500 * time.Millisecond, most: time.Second},
		"Retry-After of a 500":    {server: header("7", 500, 200), attempts: 2, status: 200, least: 7 * time.Second, most: 8 * time.Second},
		"Retry-After, a date":     {server: headerAt(20*time.Second, 503, 200), attempts: 2, status: 200, least: 19 * time.Second, most: 21 * time.Second},
		"request timeout":         {server: status(408, 200), attempts: 2, status: 200, least: 500 * time.Millisecond, most: time.Second},
		"too early":               {server: status(425, 200), attempts: 2, status: 200, least: 500 * time.Millisecond, most: time.Second},
		"408 for ever":            {server: status(408), attempts: 6, status: 408, failed: true, least: 2500 * time.Millisecond, most: 18 * time.Second},
		"HTTP version":            {server: status(505), attempts: 1, status: 505, failed: true},
		"not implemented":         {server: status(501), attempts: 1, status: 501, failed: true},
		"not found":               {server: status(404), attempts: 1, status: 404},
		"unauthorized":            {server: status(401), attempts: 1, status: 401},
		"conflict":                {server: status(409), attempts: 1, status: 409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var attempts atomic.Int32
				start := time.Now()
				resp, err := tt.server.client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil))
				waited := time.Since(start)

				got := 0
				if failure, ok := errors.AsType[*transport.StatusError](err); ok {
					got = failure.Status
					want := &transport.StatusError{Method: "GET", Host: "log.test", Path: "/api", Status: tt.status, Message: "busy", Attempts: int(tt.attempts), Took: waited}
					if diff := cmp.Diff(want, failure); diff != "" {
						t.Errorf("StatusError (-want +got):\n%s", diff)
					}
				} else if err == nil {
					got = resp.StatusCode
					if b := body(t, resp); b != "  busy\n" {
						t.Errorf("body = %q", b)
					}
				}
				if (err != nil) != tt.failed || got != tt.status {
					t.Errorf("status %d, error %v; want %d, failed %t", got, err, tt.status, tt.failed)
				}
				if attempts.Load() != tt.attempts {
					t.Errorf("%d attempts, want %d", attempts.Load(), tt.attempts)
				}
				if waited < tt.least || waited > max(tt.most, tt.least) {
					t.Errorf("waited %s, want between %s and %s", waited, tt.least, tt.most)
				}
			})
		})
	}
}

// TestConnectionFailure: what goes wrong on the way comes back as it is.
//
// faults: F10 F67
func TestConnectionFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reset := errors.New("connection reset")
		var attempts atomic.Int32
		failing := inProcess(func(int, http.ResponseWriter, *http.Request) error { return reset })
		_, err := failing.client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil))
		if !errors.Is(err, reset) || attempts.Load() != 6 {
			t.Errorf("%d attempts, error %v", attempts.Load(), err)
		}
	})
}

// TestCancelWhileWaiting: the pause between attempts ends with the context.
func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := header("20", 503).client(&attempts).Do(request(t, http.MethodGet, "https://log.test/api", nil).WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) || attempts.Load() != 1 || time.Since(start) != time.Second {
			t.Errorf("%d attempts, error %v after %s", attempts.Load(), err, time.Since(start))
		}
	})
}

// TestStatusErrorOverTheWire checks the bound of the server's words with a real server.
// 501 is not retried, so the test need not wait.
func TestStatusErrorOverTheWire(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(w, "not here: "+strings.Repeat("x", 10_000))
	})
	_, err := client(server, discard).Do(request(t, http.MethodPut, server.URL+"/v2/app?token=hunter2", nil))
	failure, ok := errors.AsType[*transport.StatusError](err)
	if !ok {
		t.Fatalf("error %v, want a StatusError", err)
	}
	if len(failure.Message) != 512 || !strings.HasPrefix(failure.Message, "not here: xxx") {
		t.Errorf("message of %d bytes: %.40s", len(failure.Message), failure.Message)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	want := "PUT " + host + "/v2/app: 501 Not Implemented: not here: xxx"
	if got := failure.Error(); !strings.HasPrefix(got, want) || strings.Contains(got, "hunter2") {
		t.Errorf("Error() = %.90q, want it to start with %q", got, want)
	}
}

// onlyReader hides what net/http knows how to read again, as a pipe does.
type onlyReader struct{ io.Reader }

func TestBodyIsSentAgain(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("statement ", 10_000)
	for name, reader := range map[string]func() io.Reader{
		"with GetBody": func() io.Reader { return strings.NewReader(text) },
		"pipe":         func() io.Reader { return onlyReader{strings.NewReader(text)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != text || r.ContentLength != int64(len(text)) {
					t.Errorf("attempt %d: %d bytes, length %d, error %v", attempts.Load()+1, len(got), r.ContentLength, err)
				}
				if attempts.Add(1) == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			resp, err := client(server, discard).Do(request(t, http.MethodPost, server.URL, reader()))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK || attempts.Load() != 2 {
				t.Errorf("status %d after %d attempts", resp.StatusCode, attempts.Load())
			}
		})
	}
}

// closing tells whether it was closed, as a RoundTripper has to do with a body.
type closing struct {
	io.Reader
	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

func TestBodyThatBreaks(t *testing.T) {
	t.Parallel()
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("half a body was sent") })
	broken := errors.New("disk on fire")
	b := &closing{Reader: io.MultiReader(strings.NewReader("half"), onlyReader{errorReader{broken}})}
	_, err := client(server, discard).Do(request(t, http.MethodPost, server.URL, b))
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want what the body said", err)
	}
	if !b.closed.Load() {
		t.Error("the body was not closed")
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestUserAgent(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.UserAgent()) })
	req := request(t, http.MethodGet, server.URL, nil)
	req.Header.Set("User-Agent", "go-containerregistry/v0")
	resp, err := client(server, discard).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "seal-image/test" {
		t.Errorf("user agent %q", got)
	}
	if got := req.Header.Get("User-Agent"); got != "go-containerregistry/v0" {
		t.Errorf("the caller's request was changed: %q", got)
	}
}

// TestDebugLog: one record per attempt, and no credential in it.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	withoutTimes := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTimes}))
	var attempts atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Www-Authenticate", "hunter2")
		if attempts.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, "hunter2")
	})
	req := request(t, http.MethodPost, server.URL+"/v2/token?password=hunter2", strings.NewReader("hunter2"))
	req.Header.Set("Authorization", "Bearer hunter2")
	req.SetBasicAuth("alice", "hunter2")
	resp, err := client(server, logger).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	want := "level=DEBUG msg=http method=POST url=" + host + "/v2/token status=502\n" +
		"level=DEBUG msg=http method=POST url=" + host + "/v2/token status=200\n"
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestDebugLogOfAFailure(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	// A context that has ended is not retried.
	base := roundTripper(func(*http.Request) (*http.Response, error) { return nil, context.Canceled })
	rt := transport.New(transport.Options{Base: base, Log: logger})
	if _, err := rt.RoundTrip(request(t, http.MethodGet, "https://log.test/api?token=hunter2", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	got := log.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, `error="context canceled"`) || strings.Contains(got, "hunter2") {
		t.Errorf("log = %q", got)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := transport.Wait(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("Wait returns %v after %s", err, time.Since(start))
		}
		cause := errors.New("the job was cancelled")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(cause) })
		start = time.Now()
		if err := transport.Wait(ctx, time.Hour); !errors.Is(err, cause) || time.Since(start) != time.Minute {
			t.Errorf("Wait returns %v after %s", err, time.Since(start))
		}
	})
}
