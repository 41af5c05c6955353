package attest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seal-image/internal/problem"
)

// A budget is the time that one stage may take, within that of the run. Signing has its own, in
// the adapters: it waits for outages.
type budget struct {
	limit time.Duration
	stage string // e.g. "The download of"
	code  problem.Code
}

var (
	downloading = budget{20 * time.Minute, "The download of", problem.RegistryUnavailable}
	attaching   = budget{5 * time.Minute, "To store what belongs to", problem.AttachFailed}
	readingBack = budget{5 * time.Minute, "To read back what belongs to", problem.ReadBackMissing}
)

// perAttachment is what each may take where there are so many that the limit of the stage would be
// too short: a platform has up to four, each of some requests, and a registry may be far away.
const perAttachment = 10 * time.Second

// forEach is the budget for a number of attachments, in whole minutes.
func (b budget) forEach(attachments int) budget {
	needs := time.Duration(attachments) * perAttachment
	b.limit = max(b.limit, (needs + time.Minute - 1).Truncate(time.Minute))
	return b
}

// errSpent is a budget that is used up. Adapters know it as any other deadline.
var errSpent error = spent{}

type spent struct{}

func (spent) Error() string { return "there is no time left for it" }
func (spent) Unwrap() error { return context.DeadlineExceeded }

// spend does a stage about an image. If that takes too long, the error says so, and what was
// under way.
func (b budget) spend(ctx context.Context, about Manifest, do func(context.Context) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, b.limit, errSpent)
	defer cancel()
	err := do(limited)
	if err == nil || ctx.Err() != nil || !errors.Is(context.Cause(limited), errSpent) {
		return err
	}
	return &problem.Problem{
		Code: b.code,
		What: fmt.Sprintf("%s %s took longer than %s.", b.stage, about.Ref, minutes(b.limit)),
		Why:  "That is the limit for this step. " + underWay(err),
		Fix:  "Run the job again; if it lasts, look at the status page of the registry and at the network of a self-hosted runner.",
		Err:  err,
	}
}

// underWay says what a stage was doing when its time was up. What has advice says so itself.
func underWay(err error) string {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.What + " " + p.Why
	}
	return "What was under way: " + err.Error() + "."
}

func minutes(d time.Duration) string { return fmt.Sprintf("%d minutes", int(d/time.Minute)) }
