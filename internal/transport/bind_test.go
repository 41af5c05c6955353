package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"seal-image/internal/transport"
)

// TestBindCancels: a request that has a context of its own ends with the bound one.
func TestBindCancels(t *testing.T) {
	t.Parallel()
	for name, firstBytes := range map[string]bool{"before the answer": false, "within the answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{})
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if firstBytes {
					_, _ = io.WriteString(w, "first")
					_ = http.NewResponseController(w).Flush()
				}
				close(arrived)
				<-r.Context().Done()
			})
			cause := errors.New("the job was cancelled")
			ctx, cancel := context.WithCancelCause(t.Context())
			bound := &http.Client{Transport: transport.Bind(ctx, server.Client().Transport)}
			go func() {
				<-arrived
				if !firstBytes {
					cancel(cause)
				}
			}()
			resp, err := bound.Do(request(t, http.MethodGet, server.URL, nil))
			if !firstBytes {
				if !errors.Is(err, cause) {
					t.Errorf("error %v, want the cause", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadFull(resp.Body, make([]byte, len("first"))); err != nil {
				t.Fatalf("the body ends before the context does: %v", err)
			}
			cancel(cause)
			if _, err := io.ReadAll(resp.Body); !errors.Is(err, cause) {
				t.Errorf("reading on: %v, want the cause", err)
			}
		})
	}
}

// TestBindLeavesBody: the answer can be read after RoundTrip has returned.
func TestBindLeavesBody(t *testing.T) {
	t.Parallel()
	returned := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-returned
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, err := transport.Bind(ctx, server.Client().Transport).RoundTrip(request(t, http.MethodGet, server.URL, nil))
	close(returned)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(body(t, resp)); got != 1<<20 {
		t.Errorf("read %d bytes", got)
	}
}

// TestBindOwnContext: the request's own context still counts.
func TestBindOwnContext(t *testing.T) {
	t.Parallel()
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the request was sent") })
	own, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := transport.Bind(t.Context(), server.Client().Transport).RoundTrip(request(t, http.MethodGet, server.URL, nil).WithContext(own))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
