package registry_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// TestEnded: that a run was stopped, or has taken too long, is not said of the network.
func TestEnded(t *testing.T) {
	t.Parallel()
	m := attest.Manifest{Ref: reference(t, repository+":v1").Context().Digest(digestOf("x").String())}
	calls := map[string]func(context.Context, http.RoundTripper) error{
		"handshake": func(ctx context.Context, network http.RoundTripper) error {
			_, err := client(network).Resolve(ctx, m.Ref, v1.Hash{}, nil)
			return err
		},
		"resolve": func(ctx context.Context, network http.RoundTripper) error {
			_, err := client(afterHandshake(network)).Resolve(ctx, m.Ref, v1.Hash{}, nil)
			return err
		},
		"find": func(ctx context.Context, network http.RoundTripper) error {
			_, err := client(afterHandshake(network)).Find(ctx, m, []attest.Form{attest.FormBundle})
			return err
		},
		"check": func(ctx context.Context, network http.RoundTripper) error {
			return client(afterHandshake(network)).CheckPush(ctx, m.Ref.Context())
		},
	}
	for name, call := range calls {
		for why, limit := range map[string]func(context.Context) (context.Context, context.CancelFunc){
			"too long": func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			},
			"stopped": func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			},
		} {
			t.Run(name+", "+why, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := limit(t.Context())
					defer cancel()
					err := call(ctx, retrying(silent{}))
					if _, explained := errors.AsType[*problem.Problem](err); explained || !errors.Is(err, ctx.Err()) {
						t.Errorf("error %v", err)
					}
					if _, unanswered := errors.AsType[*transport.UnansweredError](err); unanswered != (name == "check") {
						t.Errorf("error %v", err)
					}
				})
			})
		}
	}
}

// TestDialTimesOut: what net says of its own limit is one of the network.
func TestDialTimesOut(t *testing.T) {
	t.Parallel()
	network := roundTripper(func(req *http.Request) (*http.Response, error) {
		_, err := (&net.Dialer{Deadline: time.Now().Add(-time.Second)}).DialContext(req.Context(), "tcp", "192.0.2.1:443")
		return nil, err
	})
	_, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
	if problem.From(err).Code != problem.RegistryUnreachable {
		t.Errorf("error %v", err)
	}
}

// TestRedirectsWithoutEnd: a layer that leads to itself is given up after a few redirects.
func TestRedirectsWithoutEnd(t *testing.T) {
	t.Parallel()
	inner := memory(false)
	idx, common := shared(t)
	requests := 0
	network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, common.String()) {
			return false
		}
		requests++
		http.Redirect(w, req, req.URL.Path+"/x", http.StatusTemporaryRedirect)
		return true
	})}
	push(t, inProcess{inner}, repository+":v1", idx)
	cl := client(retrying(network))
	subject := resolved(t, cl)
	err := cl.Download(t.Context(), subject.Images, t.TempDir(), attest.NewArrivals())
	if p := problem.From(err); p.Code != problem.RegistryUnreachable || !strings.Contains(p.Why, "it is redirect number 6") || requests != 6 {
		t.Errorf("%v after %d requests", err, requests)
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, context.Cause(req.Context())
}

// afterHandshake lets the first question be answered.
func afterHandshake(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/v2/" {
			return inProcess{memory(true)}.RoundTrip(req)
		}
		return next.RoundTrip(req)
	})
}

// TestEndedInWords: where something may be stored by then, the words for the end are its own.
func TestEndedInWords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := attest.Manifest{Ref: reference(t, repository+":v1").Context().Digest(digestOf("x").String())}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := client(afterHandshake(retrying(silent{}))).Attach(ctx, m.Ref.Context(), []*attest.Attachment{signature(m)})
		p := problem.From(err)
		const want = "It was made and logged, but the registry did not take it: context deadline exceeded."
		if p.Code != problem.AttachFailed || p.Why != want {
			t.Errorf("%s: %s", p.Code, p.Why)
		}
	})
}
