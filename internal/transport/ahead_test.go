package transport_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seal-image/internal/transport"
)

// TestBrokenAnswer: an answer that breaks off at its start is asked for again, and a longer one
// is handed over.
func TestBrokenAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size     int
		attempts int32
		got      int
	}{
		"short": {1000, 2, 1000},
		"long":  {1 << 20, 1, 1 << 19},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(tt.size))
				size := tt.size
				if attempts.Add(1) == 1 {
					size /= 2
				}
				_, _ = io.WriteString(w, strings.Repeat("x", size))
				if size < tt.size {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			})
			c := &http.Client{Transport: transport.New(transport.Options{Log: discard})}
			resp, err := c.Do(request(t, http.MethodGet, server.URL, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if len(got) != tt.got || (err != nil) != (tt.got < tt.size) || attempts.Load() != tt.attempts {
				t.Errorf("%d bytes in %d attempts, error %v", len(got), attempts.Load(), err)
			}
		})
	}
}

// TestBodyAfterTheCall: the rest of a long answer comes while it is read.
func TestBodyAfterTheCall(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
		case <-time.After(10 * time.Second):
			t.Error("nothing was read before all was sent")
		}
		_, _ = io.WriteString(w, "y")
	})
	c := &http.Client{Transport: transport.New(transport.Options{Log: discard})}
	resp, err := c.Do(request(t, http.MethodGet, server.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	close(read)
	if got := body(t, resp); len(got) != 100<<10+1 {
		t.Errorf("%d bytes", len(got))
	}
}
