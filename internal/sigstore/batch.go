package sigstore

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/attest"
)

// maxSigning bounds the log requests under way at once; public Rekor limits requests by
// address, and runners share theirs.
const maxSigning = 6

// Sign implements [attest.Signer]. When one statement fails, the others are finished all
// the same: their entries may be in the log already, and the caller must learn of them. What
// an outage has kept from the log is signed when that is over, and what a slow log has not
// taken in the life of a key is signed with the next.
func (s *Signer) Sign(ctx context.Context, statements []*attest.Statement) ([]*attest.Bundle, error) {
	services, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.fits(ctx, services, statements); err != nil {
		return nil, err
	}
	b := &batch{statements: statements, bundles: make([]*attest.Bundle, len(statements)), failures: make([]int, len(statements))}
	alive := func(ctx context.Context) error { return services.alive(ctx, s.options.Transport) }
	for {
		err := s.sign(ctx, services, b)
		if err == nil {
			s.patience.over(ctx)
		}
		switch {
		case err == nil && len(b.public()) < len(statements):
			continue // the key has become old
		case !isOutage(err) || ctx.Err() != nil:
			return b.public(), err
		case b.hopeless(services):
			return b.public(), perhapsTooLarge(err)
		}
		if err := s.patience.sitOut(ctx, err, alive); err != nil {
			return b.public(), err
		}
	}
}

// batch is what is signed together.
type batch struct {
	statements []*attest.Statement
	bundles    []*attest.Bundle // nil: not in the log
	failures   []int            // how often the log failed at it, and has taken others
}

// public are the bundles of what is in the log.
func (b *batch) public() []*attest.Bundle {
	var out []*attest.Bundle
	for _, made := range b.bundles {
		if made != nil {
			out = append(out, made)
		}
	}
	return out
}

const (
	// largeRequest is a size from which the log may refuse a request by breaking off: then no
	// wait helps.
	largeRequest  = 1 << 20
	largeFailures = 2
)

// hopeless reports whether a large statement fails though the log seems to be there.
func (b *batch) hopeless(services *services) bool {
	for i, st := range b.statements {
		if b.failures[i] >= largeFailures && services.version == 1 && !st.IsSimpleSigning() && requestSize(st) >= largeRequest {
			return true
		}
	}
	return false
}

// errKeyEnds is when no entry is waited for any longer: made later, it would be worth nothing.
var errKeyEnds = errors.New("the certificate is about to end")

// sign does what is left to do. The error is an outage only if nothing else went wrong.
func (s *Signer) sign(ctx context.Context, services *services, b *batch) error {
	key, err := s.certificate(ctx, services)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadlineCause(ctx, key.since.Add(keyEnd), errKeyEnds)
	defer cancel()
	errs := make([]error, len(b.statements))
	var group errgroup.Group
	group.SetLimit(maxSigning)
	first := true // it is tried whatever the age of the key, so that each key does something
	for i, st := range b.statements {
		if b.bundles[i] != nil {
			continue
		}
		if !first && time.Since(key.since) > keyLife {
			break
		}
		first = false
		group.Go(func() error {
			b.bundles[i], errs[i] = s.signOne(ctx, services, key, st)
			if b.bundles[i] != nil {
				attest.Advance(ctx, attest.Logged, 1, 0)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, one per statement
	b.count(errs)
	return worst(errs)
}

// count counts what has kept statements from a log that has taken others: where it has taken
// none, it is the log that fails, and not what it gets.
func (b *batch) count(errs []error) {
	if len(b.public()) == 0 {
		return
	}
	for i, err := range errs {
		if down, ok := errors.AsType[*outage](err); ok && down.service == rekorService.short {
			b.failures[i]++
		}
	}
}

// worst is the first error that is no outage, or else the first.
func worst(errs []error) (out error) {
	for _, err := range errs {
		if err != nil && (out == nil || (isOutage(out) && !isOutage(err))) {
			out = err
		}
	}
	return out
}
