package sigstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// An outage is a service that the transport has given up on. It stands in the problem that
// says so.
type outage struct {
	service string // e.g. "Rekor"
	err     error
}

func (o *outage) Error() string { return o.err.Error() }
func (o *outage) Unwrap() error { return o.err }

// says is what is known of the service, before "for 2m30s".
func (o *outage) says() string {
	if failed, ok := errors.AsType[*transport.StatusError](o.err); ok {
		return fmt.Sprintf("%s has answered %d", o.service, failed.Status)
	}
	return o.service + " has not been reached"
}

// mayPass reports whether a failure may be over after a while. A name that does not exist
// is rather a mistake.
func mayPass(err error) bool {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return false
	}
	return errors.Is(err, errKeyEnds) || transport.IsPassing(err)
}

func isOutage(err error) bool {
	_, ok := errors.AsType[*outage](err)
	return ok
}

const (
	// pollMin and pollMax bound the wait for a service, of which chance takes a part; the
	// bound doubles each time.
	pollMin = 2 * time.Second
	pollMax = time.Minute
	// sayEvery is how often the log tells that a run is waiting.
	sayEvery = time.Minute
)

// patience is how long each outage is waited out, whatever is signed meanwhile.
type patience struct {
	limit time.Duration
	log   *slog.Logger

	mu    sync.Mutex
	since time.Time // of the outage; zero if there is none
	said  time.Time
	polls int
}

// over notes that the services work.
func (p *patience) over(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		return
	}
	p.log.InfoContext(ctx, "Sigstore answers again", slog.Duration("after", time.Since(p.since).Round(time.Second)))
	p.since, p.said, p.polls = time.Time{}, time.Time{}, 0
}

// sitOut waits until a service may be back; alive asks. It returns failed, or what has ended
// the wait, once the limit is used up. At the limit itself the service is tried once more,
// whatever alive says.
func (p *patience) sitOut(ctx context.Context, failed error, alive func(context.Context) error) error {
	for {
		pause, ok := p.next(ctx, failed)
		if !ok {
			return p.givesUp(failed)
		}
		if err := transport.Wait(ctx, pause); err != nil {
			return err
		}
		err := alive(transport.Once(ctx))
		if !isOutage(err) || p.used() {
			return nil
		}
		failed = err
	}
}

// next is how long to wait now, and whether at all.
func (p *patience) next(ctx context.Context, failed error) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
		if status, ok := errors.AsType[*transport.StatusError](failed); ok {
			p.since = now.Add(-status.Took)
		}
	}
	left := p.limit - now.Sub(p.since)
	if left <= 0 {
		return 0, false
	}
	if down, ok := errors.AsType[*outage](failed); ok && now.Sub(p.said) >= sayEvery {
		p.said = now
		p.log.InfoContext(ctx, fmt.Sprintf("%s for %s; waiting up to %s", down.says(), short(now.Sub(p.since)), short(p.limit)))
	}
	most := min(pollMin<<min(p.polls, 10), pollMax)
	p.polls++
	return min(rand.N(most)+time.Second, left), true //nolint:gosec // spreads load, protects nothing
}

// used reports whether the limit is used up.
func (p *patience) used() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.since.IsZero() && time.Since(p.since) >= p.limit
}

// givesUp adds to a problem how long was waited.
func (p *patience) givesUp(failed error) error {
	known, ok := errors.AsType[*problem.Problem](failed)
	if !ok || p.limit == 0 {
		return failed
	}
	out := *known
	out.Why = strings.TrimSuffix(out.Why, ".") + fmt.Sprintf(", and that for %s, the limit of the input sigstore-wait.", short(p.limit))
	out.Fix += " Or wait longer, within timeout:\n  sigstore-wait: 1h\n  timeout: 2h"
	return &out
}

// short is a duration in whole seconds, without the zeros that Go writes: 2m30s, 10m, 1h.
func short(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// alive asks the log and the timestamp authorities for something that costs them little, so
// that no certificate is used up on them. The error is an outage or nil: whatever they
// answer, they do.
func (s *services) alive(ctx context.Context, rt http.RoundTripper) error {
	var group errgroup.Group
	group.Go(func() error {
		path := map[uint32]string{1: "/api/v1/log", 2: "/api/v2/checkpoint"}[s.version]
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.rekor, "/")+path, nil)
		if err != nil {
			return nil //nolint:nilerr // the URL was checked when it was read
		}
		resp, err := serviceGuard(ctx, rt, rekorService).RoundTrip(req)
		if err == nil {
			err = resp.Body.Close()
		}
		return onlyOutage(err)
	})
	for _, authority := range s.timestampAuthorities(ctx, rt) {
		group.Go(func() error {
			_, err := guarded(func() ([]byte, error) { return authority.GetTimestamp(ctx, nil) })
			return onlyOutage(err)
		})
	}
	return group.Wait()
}

func onlyOutage(err error) error {
	if isOutage(err) {
		return err
	}
	return nil
}
