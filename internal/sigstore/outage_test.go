package sigstore_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/secret"
	"seal-image/internal/sigstore"
	"seal-image/internal/transport"
)

const fulcio, rekor, tsa = "fulcio.example.com", "rekor.example.com", "tsa.example.com"

// weather is a Sigstore under the action's own transport, without a network, so that a bubble of
// synctest lives through an outage in no time.
type weather struct {
	*instance
	options sigstore.Options
	log     bytes.Buffer
	tokens  int
	start   time.Time
}

func newWeather(t *testing.T, wait time.Duration) *weather {
	t.Helper()
	sleepTo2026()
	w := &weather{instance: newServices(t), start: time.Now()}
	w.network = transport.New(transport.Options{Base: w.network, Log: slog.New(slog.DiscardHandler)})
	w.options = options(t, w.instance, "")
	w.options.Wait, w.options.Log = wait, logTo(&w.log)
	w.options.Token = func(context.Context, string) (secret.String, error) {
		w.tokens++
		return secret.New(token(t, claims(map[string]any{"iat": time.Now().Unix()}))), nil
	}
	return w
}

// sleepTo2026 brings a bubble, which begins in 2000, into the time of signing configs.
func sleepTo2026() { time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))) }

// sealed signs the three statements, and checks that the log has each once and that all bundles
// are valid.
func (w *weather) sealed(t *testing.T) []*attest.Bundle {
	t.Helper()
	s := newSigner(t, w.options)
	bundles, err := s.Sign(t.Context(), three(t))
	if err != nil || len(bundles) != 3 {
		t.Fatalf("%d bundles, error %v\n%s", len(bundles), err, w.log.String())
	}
	for _, b := range bundles {
		independent(t, w.instance, b)
	}
	return bundles
}

// entries is how many entries the log has made.
func (w *weather) entries() int { return len(w.posted) }

// down has a service answer 503 from one time to another, counted from the start; requests that
// spare leaves out get through.
func (w *weather) down(host string, from, to time.Duration, spare func(*http.Request) bool) {
	w.intercept[host] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		since := time.Since(w.start)
		if since >= from && since < to && (spare == nil || !spare(req)) {
			http.Error(rw, "down for maintenance", http.StatusServiceUnavailable)
			return
		}
		w.service(rw, req)
	})
}

func isGet(req *http.Request) bool { return req.Method == http.MethodGet }

// TestLongOutage: the log is away for three quarters of an hour. No certificate is made for it
// before it is back.
//
// faults: F21
func TestLongOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, time.Hour)
		w.down(rekor, 0, 45*time.Minute, nil)
		w.sealed(t)
		if took := time.Since(w.start); took < 45*time.Minute || took > 47*time.Minute {
			t.Errorf("it took %s", took)
		}
		// One token is fetched while the log is asked for the first time, and one for Fulcio.
		if w.requests[fulcio] != 1 || w.tokens != 2 || w.entries() != 3 {
			t.Errorf("%d certificates, %d tokens, %d entries", w.requests[fulcio], w.tokens, w.entries())
		}
		lines := strings.Count(w.log.String(), "Rekor has answered 503 for ")
		if lines < 20 || lines > 46 || !strings.Contains(w.log.String(), "; waiting up to 1h") || !strings.Contains(w.log.String(), "Sigstore answers again") {
			t.Errorf("%d lines in the log:\n%s", lines, w.log.String())
		}
		if polls := w.requests[rekor]; polls > 130 {
			t.Errorf("the log was asked %d times", polls)
		}
	})
}

// TestOutageInTheMiddle: one entry is made, then the log is away for long. What is left is signed
// with a new token, key and certificate.
func TestOutageInTheMiddle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, time.Hour)
		w.down(rekor, time.Second, 45*time.Minute, nil)
		plain, first := w.intercept[rekor], make(chan struct{}, 1)
		first <- struct{}{}
		w.intercept[rekor] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost && time.Since(w.start) < time.Second {
				select {
				case <-first:
				default:
					time.Sleep(time.Second) // into the outage
				}
			}
			plain.ServeHTTP(rw, req)
		})
		certificates := map[string]int{}
		for _, b := range w.sealed(t) {
			certificates[string(b.Layer.Certificate)]++
		}
		if w.requests[fulcio] != 2 || w.tokens != 2 || w.entries() != 3 || len(certificates) != 2 {
			t.Errorf("%d certificates made and %d used, %d tokens, %d entries", w.requests[fulcio], len(certificates), w.tokens, w.entries())
		}
	})
}

// TestShortOutage: what takes no entries for some minutes, and answers all else, leaves the key
// young enough.
func TestShortOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, 10*time.Minute)
		w.down(rekor, 0, 3*time.Minute, isGet)
		w.sealed(t)
		if w.requests[fulcio] != 1 || w.entries() != 3 {
			t.Errorf("%d certificates, %d entries", w.requests[fulcio], w.entries())
		}
	})
}

// TestLostAnswerThenOutage: the log has made the entries, nobody was told, and then it is away. It
// has no entry twice in the end.
func TestLostAnswerThenOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, 10*time.Minute)
		w.intercept[rekor] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if since := time.Since(w.start); req.Method == http.MethodPost && since < time.Second {
				w.service(httptest.NewRecorder(), req)
				http.Error(rw, "upstream connect error", http.StatusBadGateway)
				return
			} else if since < 2*time.Minute && !isGet(req) {
				http.Error(rw, "upstream connect error", http.StatusBadGateway)
				return
			}
			w.service(rw, req)
		})
		w.sealed(t)
		if w.requests[fulcio] != 1 || w.entries() != 3 {
			t.Errorf("%d certificates, %d entries", w.requests[fulcio], w.entries())
		}
	})
}

// TestSilentLog: requests to the log hang beyond the life of a certificate; another one is used
// then.
//
// faults: F21
func TestSilentLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, time.Hour)
		w.intercept[rekor] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost && time.Since(w.start) < 12*time.Minute {
				<-req.Context().Done()
				return
			}
			w.service(rw, req)
		})
		w.sealed(t)
		if w.requests[fulcio] != 2 || w.entries() != 3 {
			t.Errorf("%d certificates, %d entries", w.requests[fulcio], w.entries())
		}
	})
}

// TestFulcioOutage: a certificate authority that is away.
//
// faults: F12
func TestFulcioOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, 30*time.Minute)
		w.down(fulcio, 0, 20*time.Minute, nil)
		w.sealed(t)
		if !strings.Contains(w.log.String(), "Fulcio has answered 503 for ") || w.entries() != 3 {
			t.Errorf("%d entries, log:\n%s", w.entries(), w.log.String())
		}
	})
}

// TestTimestampOutage: a timestamp authority that is away; nothing else is asked for before.
//
// faults: F27
func TestTimestampOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, 30*time.Minute)
		w.options = withTimestamps(w.options)
		w.down(tsa, 0, 4*time.Minute, nil) // its own certificate lives for ten minutes
		w.sealed(t)
		if !strings.Contains(w.log.String(), "The timestamp authority has answered 503 for ") || w.requests[fulcio] != 1 || w.entries() != 3 {
			t.Errorf("%d certificates, %d entries, log:\n%s", w.requests[fulcio], w.entries(), w.log.String())
		}
	})
}
