package transport_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"seal-image/internal/transport"
)

var discard = slog.New(slog.DiscardHandler)

// client speaks through the stack to server, over loopback.
func client(server *httptest.Server, log *slog.Logger) *http.Client {
	return &http.Client{Transport: transport.New(transport.Options{Base: server.Client().Transport, Log: log, UserAgent: "seal-image/test"})}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// inProcess serves requests without a network, so that a test in a bubble of synctest
// lives through the waits in no time.
type inProcess func(attempt int, w http.ResponseWriter, r *http.Request) error

func (f inProcess) client(attempts *atomic.Int32) *http.Client {
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		if err := f(int(attempts.Add(1)), w, req); err != nil {
			return nil, err
		}
		resp := w.Result()
		resp.Request = req
		return resp, nil
	})
	return &http.Client{Transport: transport.New(transport.Options{Base: base, Log: discard, UserAgent: "seal-image/test"})}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// status answers with the statuses in order, the last one for ever.
func status(codes ...int) inProcess {
	return func(attempt int, w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(codes[min(attempt, len(codes))-1])
		_, err := io.WriteString(w, "  busy\n")
		return err
	}
}

func header(retryAfter string, codes ...int) inProcess {
	return func(attempt int, w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Retry-After", retryAfter)
		return status(codes...)(attempt, w, r)
	}
}

// headerAt has the date of the time after so long.
func headerAt(after time.Duration, codes ...int) inProcess {
	return func(attempt int, w http.ResponseWriter, r *http.Request) error {
		return header(time.Now().Add(after).UTC().Format(http.TimeFormat), codes...)(attempt, w, r)
	}
}

func broken(err error, codes ...int) inProcess {
	return func(attempt int, w http.ResponseWriter, r *http.Request) error {
		if attempt == 1 {
			return err
		}
		return status(codes...)(attempt-1, w, r)
	}
}
