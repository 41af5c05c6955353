package sigstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/sigstore"
)

// TestOutageWithoutEnd: the limit is kept, and named; a second image does not wait again.
func TestOutageWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{0, 10 * time.Minute} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t, wait)
				w.down(rekor, 0, 24*time.Hour, nil)
				s := newSigner(t, w.options)
				_, err := s.Sign(t.Context(), three(t))
				goldenProblem(t, fmt.Sprintf("outage-%s", wait), err)
				if took := time.Since(w.start); took < wait || took > wait+20*time.Second {
					t.Errorf("it took %s", took)
				}
				again := time.Now()
				if _, err := s.Sign(t.Context(), three(t)); err == nil || time.Since(again) > 20*time.Second {
					t.Errorf("error %v after %s", err, time.Since(again))
				}
				if w.entries() != 0 {
					t.Errorf("%d entries", w.entries())
				}
			})
		})
	}
}

// TestProbeThatFails: a log that answers nothing but entries is used in the end.
func TestProbeThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, time.Minute)
		w.down(rekor, 0, 24*time.Hour, func(req *http.Request) bool { return !isGet(req) })
		_, err := newSigner(t, w.options).Sign(t.Context(), three(t))
		if err != nil {
			t.Error(err)
		}
	})
}

// TestLargeStatement: a log that breaks off over a large request is not waited for.
func TestLargeStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, time.Hour)
		w.intercept[rekor] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.ContentLength > 1<<20 {
				http.Error(rw, "", http.StatusBadGateway)
				return
			}
			w.service(rw, req)
		})
		bundles, err := newSigner(t, w.options).Sign(t.Context(), statements(t, 1<<20))
		goldenProblem(t, "outage-large", err)
		if took := time.Since(w.start); took > time.Minute || len(bundles) != 2 || w.entries() != 2 {
			t.Errorf("%d bundles and %d entries in %s", len(bundles), w.entries(), took)
		}
	})
}

// TestOutageOfEntriesAlone: a log that answers questions and takes nothing for a while is waited
// for, however large a statement is.
func TestOutageOfEntriesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, 10*time.Minute)
		w.intercept[rekor] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost && time.Since(w.start) < 90*time.Second {
				http.Error(rw, "", http.StatusServiceUnavailable)
				return
			}
			w.service(rw, req)
		})
		bundles, err := newSigner(t, w.options).Sign(t.Context(), statements(t, 1<<20))
		if err != nil || len(bundles) != 3 || w.entries() != 3 {
			t.Errorf("%d bundles and %d entries, %v", len(bundles), w.entries(), err)
		}
	})
}

// TestNoOutage: what time does not heal is not waited for.
func TestNoOutage(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"400": 400, "501": 501, "redirect": 302} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t, time.Hour)
				w.intercept[rekor] = answer(status, "")
				_, err := newSigner(t, w.options).Sign(t.Context(), three(t))
				if err == nil || time.Since(w.start) > time.Minute {
					t.Errorf("error %v after %s", err, time.Since(w.start))
				}
			})
		})
	}
}

// TestCancelledInOutage: who waits stops at once.
func TestCancelledInOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t, time.Hour)
		w.down(rekor, 0, 24*time.Hour, nil)
		cause := errors.New("stopped from outside")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Minute, func() { cancel(cause) })
		_, err := newSigner(t, w.options).Sign(ctx, three(t))
		if !errors.Is(err, cause) || time.Since(w.start) != 20*time.Minute {
			t.Errorf("error %v after %s", err, time.Since(w.start))
		}
	})
}

// TestTokenRefused: Fulcio gets another token, twice.
//
// faults: F11
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refusals, status, tokens int
		code                     problem.Code
	}{
		"once":         {1, 400, 2, ""},
		"twice":        {2, 401, 3, ""},
		"for ever":     {9, 400, 3, problem.FulcioRejected},
		"another sort": {1, 403, 1, problem.FulcioRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t, 0)
				asked := 0
				w.intercept[fulcio] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
					if asked++; asked <= tt.refusals {
						answer(tt.status, `{"message":"There was an error processing the identity token"}`).ServeHTTP(rw, req)
						return
					}
					w.service(rw, req)
				})
				_, err := newSigner(t, w.options).Sign(t.Context(), three(t))
				code := problem.Code("")
				if err != nil {
					code = problem.From(err).Code
				}
				if code != tt.code || w.tokens != tt.tokens {
					t.Errorf("%d tokens, error %v", w.tokens, err)
				}
				least, most := time.Duration(w.tokens-1)*2*time.Second, time.Duration(w.tokens-1)*5*time.Second
				if took := time.Since(w.start); took < least || took > most {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestNothingMultiplies: what stays down is asked six times, by the transport alone.
func TestNothingMultiplies(t *testing.T) {
	t.Parallel()
	const tuf = "tuf.example.com"
	version2 := func(o *sigstore.Options) {
		*o = withTimestamps(*o)
		o.Instance.SigningConfig = file(signingConfig(service(rekor2URL, 2), service(tsaURL, 1), "ANY"))
		o.Format = attest.Bundles
	}
	for name, tt := range map[string]struct {
		host   string
		change func(*sigstore.Options)
		code   problem.Code
	}{
		"Fulcio":  {fulcio, func(*sigstore.Options) {}, problem.FulcioUnavailable},
		"Rekor 1": {rekor, func(*sigstore.Options) {}, problem.RekorUnavailable},
		"Rekor 2": {rekor2Host, version2, problem.RekorUnavailable},
		"TSA":     {tsa, func(o *sigstore.Options) { *o = withTimestamps(*o) }, problem.TimestampUnavailable},
		"TUF": {tuf, func(o *sigstore.Options) {
			o.Instance.TrustedRoot, o.Instance.TUFURL = sigstore.File{}, "http://"+tuf
		}, problem.TrustRoot},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t, 0)
				tt.change(&w.options)
				w.down(tt.host, 0, 24*time.Hour, nil)
				_, err := newSigner(t, w.options).Sign(t.Context(), three(t)[:1])
				if code := problem.From(err).Code; code != tt.code || w.requests[tt.host] != 6 {
					t.Errorf("%d requests, error %v", w.requests[tt.host], err)
				}
			})
		})
	}
}
