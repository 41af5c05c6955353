package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

// shared is a tag that other runs and other tools write too.
type shared struct {
	about attest.Manifest
	tag   string
	made  []*attest.Attachment // what becomes visible with it
	// merge reads what is under the tag, stores the blobs that it lacks, and returns what
	// to write; nil if everything is there.
	merge func(ctx context.Context) (*tagged, error)
	// refused gives words to a registry that does not take the tag.
	refused func(error) error

	read     time.Time // when the merge began that is written
	wrote    time.Time // when that was over
	writes   int
	failures int                  // of writes that another try may make good
	unsure   []*attest.Attachment // what was sent by those: an answer may be lost
	err      error
}

// tagged is what a tag is to point at.
type tagged struct {
	mediaType types.MediaType
	raw       []byte
	added     []*attest.Attachment // what was not there
	replaces  bool                 // nothing stays of what was there
}

const (
	// mergeTries is how often a tag is written before another writer has won for good.
	mergeTries = 12
	// minSettle is how long a concurrent writer is given, at least, to overwrite us
	// before we look. One that takes longer from its read to its write may still do so.
	minSettle = 500 * time.Millisecond
	// maxSettle bounds the growth of the wait.
	maxSettle = 15 * time.Second
	// freshTries is how often what is under a tag is read again because that, and the upload of
	// the blobs that it lacks, took longer than minSettle: others look after their writes, and
	// must not be overwritten after that.
	freshTries = 3
	// writeTries is how often a write may fail on the way.
	writeTries = 6
)

// converge writes tags until they keep what is added to them: the protocol has no
// conditional write, so another writer may overwrite us. Each round reads, merges and
// writes all tags, those of one turn side by side, then waits once. A tag that fails is left
// alone, and the others go on.
func (s *session) converge(ctx context.Context, turns [][]*shared) error {
	tags := slices.Concat(turns...)
	settle := minSettle
	for {
		wrote, slowest := s.round(ctx, turns)
		if !wrote {
			return failures(tags)
		}
		// A window as long as ours must be over when we look; the random part grows, so
		// that many writers spread.
		settle = min(max(settle, 4*slowest), maxSettle)
		pause := settle + rand.N(settle) //nolint:gosec // spreads load, protects nothing
		if err := httpstack.Wait(ctx, pause); err != nil {
			return cmp.Or(failures(tags), err) // which say what was under way
		}
		settle *= 2
	}
}

// round merges into each tag once, and returns whether it wrote, and how long the slowest
// tag took from its read to its write.
func (s *session) round(ctx context.Context, turns [][]*shared) (wrote bool, slowest time.Duration) {
	for i, tags := range turns {
		if (i == turnLastIndex || i == turnLastSig) && !settled(turns[i-1]) {
			continue
		}
		written := make([]bool, len(tags))
		_ = atOnce(len(tags), func(i int) error { // errors stay with their tags
			if t := tags[i]; t.err == nil {
				written[i], t.err = s.mergeInto(ctx, t)
			}
			return nil
		})
		for i, t := range tags {
			if written[i] {
				wrote, slowest = true, max(slowest, t.wrote.Sub(t.read))
			}
		}
	}
	return wrote, slowest
}

// settled reports whether all tags are known to be written.
func settled(tags []*shared) bool {
	return !slices.ContainsFunc(tags, func(t *shared) bool {
		return t.err != nil || slices.ContainsFunc(t.unsure, func(a *attest.Attachment) bool { return a.State == attest.Planned })
	})
}

// mergeInto adds to one tag what it lacks, and reports whether it had to.
func (s *session) mergeInto(ctx context.Context, t *shared) (written bool, err error) {
	next, err := t.fresh(ctx)
	if err != nil {
		return false, err
	}
	if next == nil {
		t.has(t.unsure)
		return false, nil
	}
	if t.writes == mergeTries {
		return false, t.overwritten(next.added)
	}
	err = s.putManifest(next.once(ctx), t.tag, next.mediaType, next.raw)
	t.wrote = time.Now()
	if err != nil {
		if t.failures++; t.failures < writeTries && !next.replaces && ctx.Err() == nil && mayPass(err) {
			t.unsure = append(t.unsure, next.added...)
			return true, nil // perhaps it was; the next round looks
		}
		return false, t.refused(err)
	}
	t.writes++
	t.has(next.added)
	return true, nil
}

// fresh merges what was under the tag a moment ago.
func (t *shared) fresh(ctx context.Context) (next *tagged, err error) {
	for range freshTries {
		t.read = time.Now()
		next, err = t.merge(ctx)
		if err != nil || next == nil || next.replaces || time.Since(t.read) < minSettle {
			break
		}
	}
	return next, err
}

// once keeps the transport, and what repeats requests above it ([unsteady]), from sending what
// others may have added to since: a write that fails is merged anew.
func (t *tagged) once(ctx context.Context) context.Context {
	if t.replaces {
		return ctx
	}
	return httpstack.Once(ctx)
}

// mayPass reports whether a write failed on the way, or for a reason that may be over soon, which
// [unsteady] has left to us.
func mayPass(err error) bool {
	if refused, answered := errors.AsType[*transport.Error](err); answered {
		return refused.StatusCode == http.StatusForbidden && strings.Contains(refused.Error(), unsteadyWords)
	}
	return httpstack.IsPassing(err)
}

// has notes that verifiers find all attachments: those that were added now, and those that
// were there.
func (t *shared) has(added []*attest.Attachment) {
	for _, a := range added {
		a.State = attest.New
	}
	for _, a := range t.made {
		if a.State == attest.Planned {
			a.State = attest.Existing
		}
	}
}

func failures(tags []*shared) error {
	var errs []error
	for _, t := range tags {
		if t.err != nil {
			errs = append(errs, &sharedError{about: t.about, tag: t.tag, err: t.err})
		}
	}
	return errors.Join(errs...)
}

// overwritten gives up, and notes what verifiers do not find.
func (t *shared) overwritten(missing []*attest.Attachment) error {
	for _, a := range missing {
		a.State = attest.Planned
	}
	return &problem.Problem{
		Code: problem.AttachFailed,
		What: fmt.Sprintf("The tag %s does not keep what is added to it.", t.tag),
		Why:  fmt.Sprintf("It lists what belongs to %s. It was written %d times, and each time another writer replaced it.", t.about.Ref, mergeTries),
		Fix:  "Give all jobs that sign this image the same `concurrency:` group, and run this job again.",
	}
}
