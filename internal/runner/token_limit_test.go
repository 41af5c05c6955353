package runner_test

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// TestIDTokenTakesTooLong: whatever the endpoint does, a minute is enough.
//
// faults: F05
func TestIDTokenTakesTooLong(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server http.HandlerFunc
		why    string
	}{
		"silent": {
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			"The token endpoint gave none within 1m0s.",
		},
		"503 with Retry-After": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "25")
				w.WriteHeader(http.StatusServiceUnavailable)
			},
			"The token endpoint kept answering 503, for 1m0s, which is the limit.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				job, _, _ := newJob(t, tokenEnv("https://token.actions.test"))
				job.UseHTTP(transport.New(transport.Options{Base: inProcess{tt.server}, Log: slog.New(slog.DiscardHandler)}))
				start := time.Now()
				_, err := job.IDToken(t.Context(), "sigstore")
				if p := wantProblem(t, err, problem.IDTokenRequest); p.Why != tt.why {
					t.Errorf("why: %s", p.Why)
				}
				if took := time.Since(start); took != time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestIDTokenDown: an endpoint that stays down is asked six times, by the transport alone.
//
// faults: F02
func TestIDTokenDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		job, _, _ := newJob(t, tokenEnv("https://token.actions.test"))
		job.UseHTTP(transport.New(transport.Options{Base: inProcess{endpoint(t, &asked, answer{503, "busy"})}, Log: slog.New(slog.DiscardHandler)}))
		_, err := job.IDToken(t.Context(), "sigstore")
		if p := wantProblem(t, err, problem.IDTokenRequest); p.Why != "The token endpoint kept answering 503." || asked.Load() != 6 {
			t.Errorf("asked %d times, why: %s", asked.Load(), p.Why)
		}
	})
}
