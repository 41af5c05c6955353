package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"seal-image/internal/transport"
)

// through is a client of the stack above base.
func through(base roundTripper) *http.Client {
	return &http.Client{Transport: transport.New(transport.Options{Base: base, Log: discard})}
}

// TestNoAnswer: a server that does not answer is asked again.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := through(func(req *http.Request) (*http.Response, error) {
			if attempts++; attempts < 3 {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
		})
		start := time.Now()
		get(t, c, "https://log.test/")
		if waited := time.Since(start); attempts != 3 || waited < 180*time.Second || waited > 184*time.Second {
			t.Errorf("%d attempts in %s", attempts, waited)
		}
	})
}

func TestNeverAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := through(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		_, err := c.Do(request(t, http.MethodGet, "https://log.test/", nil))
		if err == nil || !strings.Contains(err.Error(), "did not answer within 1m30s (6 attempts in 9m") {
			t.Errorf("error %v", err)
		}
	})
}

// TestSlowUpload: a body that goes out slowly is none that stands still.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		c := through(func(req *http.Request) (*http.Response, error) {
			attempts.Add(1)
			for range 8 {
				time.Sleep(time.Minute)
				if _, err := io.CopyN(io.Discard, req.Body, 1); err != nil {
					return nil, err
				}
			}
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: 201, Body: http.NoBody, Request: req}, nil
		})
		resp, err := c.Do(request(t, http.MethodPut, "https://registry.test/", strings.NewReader("12345678")))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if attempts.Load() != 1 {
			t.Errorf("%d attempts", attempts.Load())
		}
	})
}

// TestSlowUploadAnew: nor is one that net/http sends a second time, over another connection.
func TestSlowUploadAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := through(func(req *http.Request) (*http.Response, error) {
			attempts++
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			for range 8 {
				time.Sleep(time.Minute)
				if _, err := io.CopyN(io.Discard, body, 1); err != nil {
					return nil, err
				}
			}
			return &http.Response{StatusCode: 201, Body: http.NoBody, Request: req}, req.Context().Err()
		})
		resp, err := c.Do(request(t, http.MethodPut, "https://registry.test/", strings.NewReader("12345678")))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if attempts != 1 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

// TestStalledBody: the rest of an answer that never comes is an error; one that comes slowly,
// and a reader that takes its time, are not.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server, reader time.Duration // between two bytes
		failed         bool
	}{
		"slow server":    {server: 50 * time.Second},
		"slow reader":    {reader: time.Hour},
		"stalled server": {server: 61 * time.Second, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := through(func(req *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Body: &trickle{req: req, pause: tt.server, at: -64 << 10}, Request: req}, nil
				})
				resp, err := c.Do(request(t, http.MethodGet, "https://registry.test/", nil))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				var got bytes.Buffer
				if _, err := io.CopyN(io.Discard, resp.Body, 64<<10); err != nil {
					t.Fatal(err)
				}
				for b := make([]byte, 1); err == nil; time.Sleep(tt.reader) {
					var n int
					n, err = resp.Body.Read(b)
					got.Write(b[:n])
				}
				if tt.failed {
					if !strings.Contains(err.Error(), "sent nothing more for 1m0s") {
						t.Errorf("error %v", err)
					}
					return
				}
				if err != io.EOF || got.String() != "xxxxx" { //nolint:errorlint // a Reader returns it as it is
					t.Errorf("read %q, error %v", got.String(), err)
				}
			})
		})
	}
}

// trickle is a body of which five bytes come one by one, after the first 64 KiB and as long as the
// request has not ended.
type trickle struct {
	req   *http.Request
	pause time.Duration
	at    int // 0 is where it becomes slow
}

func (r *trickle) Read(p []byte) (int, error) {
	if r.at < 0 {
		n := min(len(p), -r.at)
		r.at += n
		return n, nil
	}
	if r.at == 5 {
		return 0, io.EOF
	}
	if err := transport.Wait(r.req.Context(), r.pause); err != nil {
		return 0, r.req.Context().Err()
	}
	r.at++
	return copy(p, "x"), nil
}

func (*trickle) Close() error { return nil }

// TestBrokenBody: what breaks off says so by one name, unless the request was ended.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	reset := errors.New("stream error: stream ID 3; INTERNAL_ERROR")
	for name, tt := range map[string]struct {
		err   error
		ended bool
		want  string
	}{
		"HTTP/2":       {err: reset, want: "unexpected EOF: " + reset.Error()},
		"HTTP/1":       {err: io.ErrUnexpectedEOF, want: "unexpected EOF"},
		"ended by us":  {err: reset, ended: true, want: reset.Error()},
		"the very end": {err: io.EOF, want: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := through(func(req *http.Request) (*http.Response, error) {
				body := io.MultiReader(bytes.NewReader(make([]byte, 64<<10)), iotest.ErrReader(tt.err))
				return &http.Response{StatusCode: 200, Body: io.NopCloser(body), Request: req}, nil
			})
			resp, err := c.Do(request(t, http.MethodGet, "https://registry.test/", nil).WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.CopyN(io.Discard, resp.Body, 64<<10); err != nil {
				t.Fatal(err)
			}
			if tt.ended {
				cancel()
			}
			_, err = resp.Body.Read(make([]byte, 1))
			if err == nil || err.Error() != tt.want || errors.Is(err, io.ErrUnexpectedEOF) != strings.HasPrefix(tt.want, "unexpected EOF") {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}
