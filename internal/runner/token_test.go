package runner_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

const bearer = "request-token"

// answer is one answer of the token endpoint.
type answer struct {
	status int
	body   string
}

var good = answer{200, `{"value":"the.id.token"}`}

// endpoint gives its answers in order, the last one for ever, and wants the right request.
func endpoint(t *testing.T, asked *atomic.Int32, answers ...answer) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+bearer {
			t.Errorf("wrong Authorization, %d bytes", len(got))
		}
		if got, want := r.URL.RequestURI(), "/token?api-version=2.0&audience=sigstore"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
		a := answers[min(int(asked.Add(1)), len(answers))-1]
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	})
}

func tokenEnv(server string) map[string]string {
	return map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL":   server + "/token?api-version=2.0",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer,
	}
}

func TestIDToken(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(endpoint(t, &asked, good))
	t.Cleanup(server.Close)
	job, log, _ := newJob(t, tokenEnv(server.URL))
	job.UseHTTP(server.Client().Transport)

	token, err := job.IDToken(t.Context(), "sigstore")
	if err != nil {
		t.Fatal(err)
	}
	if got := token.Reveal(); got != "the.id.token" {
		t.Errorf("token = %q", got)
	}
	if want := "::add-mask::the.id.token\n"; log.String() != want {
		t.Errorf("log = %q, want %q: a token is masked before anybody has it", log, want)
	}
}

// inProcess serves requests without a network, so that a test in a bubble of synctest
// lives through the waits in no time.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

// faults: F03 F04
func TestIDTokenRetries(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answers []answer
		asked   int32
		waited  time.Duration
		why     string // of the problem; empty: there is a token in the end
	}{
		"job not seen running yet": {
			answers: []answer{{403, `{"message":"Job is not in a running state"}`}, good},
			asked:   2, waited: time.Second,
		},
		"empty value, empty body": {
			answers: []answer{{200, `{"value":""}`}, {200, ""}, good},
			asked:   3, waited: 3 * time.Second,
		},
		"page of a proxy": {
			answers: []answer{{200, "<html>sign in</html>"}, good},
			asked:   2, waited: time.Second,
		},
		"never a token": {
			answers: []answer{{200, `{}`}},
			asked:   4, waited: 7 * time.Second,
			why: "The token endpoint gave no usable answer.",
		},
		"unauthorized": {
			answers: []answer{{401, `{"message":"expired"}`}, good},
			asked:   1,
			why:     "The token endpoint answered 401.",
		},
		"forbidden": {
			answers: []answer{{403, `{"message":"no"}`}, good},
			asked:   1,
			why:     "The token endpoint answered 403.",
		},
		"then forbidden": {
			answers: []answer{{200, ""}, {403, "no"}, good},
			asked:   2, waited: time.Second,
			why: "The token endpoint answered 403.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				job, log, _ := newJob(t, tokenEnv("https://token.actions.test"))
				job.UseHTTP(inProcess{endpoint(t, &asked, tt.answers...)})

				start := time.Now()
				token, err := job.IDToken(t.Context(), "sigstore")
				if asked.Load() != tt.asked || time.Since(start) != tt.waited {
					t.Errorf("asked %d times in %s, want %d in %s", asked.Load(), time.Since(start), tt.asked, tt.waited)
				}
				if strings.Contains(log.String(), bearer) {
					t.Error("the log has the request token")
				}
				if tt.why != "" {
					p := wantProblem(t, err, problem.IDTokenRequest)
					if diff := cmp.Diff(tt.why, p.Why); diff != "" {
						t.Errorf("why (-want +got):\n%s", diff)
					}
					if !token.Empty() {
						t.Error("there is a token all the same")
					}
					return
				}
				if err != nil || token.Reveal() != "the.id.token" {
					t.Errorf("IDToken: %v", err)
				}
			})
		})
	}
}

// TestIDTokenUnavailable: the transport retries 5xx; the advice then names the status.
func TestIDTokenUnavailable(t *testing.T) {
	t.Parallel()
	job, _, _ := newJob(t, tokenEnv("https://token.actions.test"))
	job.UseHTTP(failing{&transport.StatusError{Status: 503, Host: "token.actions.test", Path: "/token"}})
	_, err := job.IDToken(t.Context(), "sigstore")
	p := wantProblem(t, err, problem.IDTokenRequest)
	if want := "The token endpoint kept answering 503."; p.Why != want {
		t.Errorf("why = %q, want %q", p.Why, want)
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// faults: F01
func TestIDTokenPermission(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			env := tokenEnv("https://token.actions.test")
			env[missing] = ""
			job, _, _ := newJob(t, env)
			job.UseHTTP(failing{errors.New("no request must be made")})
			_, err := job.IDToken(t.Context(), "sigstore")
			p := wantProblem(t, err, problem.IDTokenPermission)
			if !strings.Contains(p.Fix, "id-token: write") {
				t.Errorf("the fix does not name the permission: %s", p.Fix)
			}
		})
	}
}

// TestIDTokenRedirect: the request token is for the host it was given for.
//
// faults: F06
func TestIDTokenRedirect(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Store(true)
		_, _ = io.WriteString(w, good.body)
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	job, _, _ := newJob(t, tokenEnv(server.URL))
	job.UseHTTP(server.Client().Transport)

	_, err := job.IDToken(t.Context(), "sigstore")
	_ = wantProblem(t, err, problem.IDTokenRequest)
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}

func TestIDTokenCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the job was cancelled")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(500*time.Millisecond, func() { cancel(cause) })
		var asked atomic.Int32
		job, _, _ := newJob(t, tokenEnv("https://token.actions.test"))
		job.UseHTTP(inProcess{endpoint(t, &asked, answer{200, ""})})
		if _, err := job.IDToken(ctx, "sigstore"); !errors.Is(err, cause) {
			t.Errorf("IDToken: %v, want the cause of the context", err)
		}
		if asked.Load() != 1 {
			t.Errorf("asked %d times, want 1", asked.Load())
		}
	})
}

// TestIDTokenCancelledWhileAsking: that GitHub did not answer is not its fault then.
func TestIDTokenCancelledWhileAsking(t *testing.T) {
	t.Parallel()
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel(cause)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	job, _, _ := newJob(t, tokenEnv(server.URL))
	job.UseHTTP(server.Client().Transport)
	_, err := job.IDToken(ctx, "sigstore")
	if p, ok := errors.AsType[*problem.Problem](err); ok || !errors.Is(err, cause) {
		t.Errorf("IDToken: %v (problem %v), want the cause of the context", err, p)
	}
}
