package attest_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// TestBudgets: a stage that takes too long is named, with its time and what it was doing. One that
// fails within its time says what it says, and one that ends well is not measured.
func TestBudgets(t *testing.T) {
	t.Parallel()
	for call, c := range map[string]struct {
		limit time.Duration
		code  problem.Code
		what  string
	}{
		"download":  {20 * time.Minute, problem.RegistryUnavailable, "The download of ghcr.io/acme/app@sha256:"},
		"attach":    {5 * time.Minute, problem.AttachFailed, "To store what belongs to ghcr.io/acme/app@sha256:"},
		"read-back": {5 * time.Minute, problem.ReadBackMissing, "To read back what belongs to ghcr.io/acme/app@sha256:"},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				failure := errors.New("the registry answered 503")
				run := func(takes time.Duration, fails error) *problem.Problem {
					w := newWorld(single())
					w.on[call] = func() { time.Sleep(takes) }
					if fails != nil {
						w.fail[call] = fails
					}
					_, err := w.runWith(t.Context(), t, nil)
					return problem.From(err)
				}
				p := run(c.limit+time.Second, failure)
				if p == nil || p.Code != c.code || !strings.HasPrefix(p.What, c.what) || !strings.HasSuffix(p.What, " took longer than "+minutesOf(c.limit)+".") {
					t.Fatalf("got %+v", p)
				}
				if p.Why != "That is the limit for this step. What was under way: the registry answered 503." || !errors.Is(p, failure) {
					t.Errorf("why: %s", p.Why)
				}
				advice := &problem.Problem{Code: problem.RegistryUnavailable, What: "ghcr.io is not able to serve.", Why: "It kept answering 503."}
				if p := run(c.limit+time.Second, advice); p.Code != c.code || p.Why != "That is the limit for this step. ghcr.io is not able to serve. It kept answering 503." {
					t.Errorf("got %+v", p)
				}
				if p := run(c.limit-time.Second, failure); p.Code != problem.Unexpected || !errors.Is(p, failure) {
					t.Errorf("within its time: %+v", p)
				}
				if p := run(c.limit+time.Second, nil); p != nil {
					t.Errorf("without a failure: %+v", p)
				}
			})
		})
	}
}

// TestBudgetIsDeadline: a stage knows the end of its time as it knows any deadline.
func TestBudgetIsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(single())
		w.on["download"] = func() { time.Sleep(21 * time.Minute) }
		if _, err := w.runWith(t.Context(), t, nil); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(w.ended, context.DeadlineExceeded) {
			t.Errorf("error %v", w.ended)
		}
	})
}

// TestBudgetOfMany: what belongs to many platforms may take longer.
func TestBudgetOfMany(t *testing.T) {
	t.Parallel()
	images := make([]attest.Image, 15)
	for i := range images {
		images[i] = image(strconv.FormatInt(int64(i), 16), "arm"+strconv.Itoa(i))
	}
	for call, limit := range map[string]time.Duration{"attach": 11 * time.Minute, "read-back": 11 * time.Minute} { // 16 digests with 4 each, and 10 s for each
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for takes, late := range map[time.Duration]bool{limit - time.Second: false, limit + time.Second: true} {
					w := newWorld(index(images...))
					w.on[call] = func() { time.Sleep(takes) }
					w.fail[call] = errors.New("the registry answered 503")
					_, err := w.runWith(t.Context(), t, nil)
					p := problem.From(err)
					if strings.HasSuffix(p.What, " took longer than 11 minutes.") != late {
						t.Errorf("after %s: %s", takes, p.What)
					}
				}
			})
		})
	}
}

func minutesOf(d time.Duration) string { return strings.TrimSuffix(d.String(), "m0s") + " minutes" }
