package runner

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"seal-image/internal/problem"
)

// Signals returns a context that ends when the job is cancelled: the runner sends SIGINT,
// SIGTERM 7.5 s later, and kills after another 2.5 s. The cause is a problem that names
// the signal.
func Signals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			cancel(cancelled(problem.Signal{Signal: number}))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

func cancelled(s problem.Signal) error {
	return &problem.Problem{
		Code: problem.Cancelled,
		What: "The run was cancelled.",
		Why:  "The runner stopped this step: somebody cancelled the job, or `timeout-minutes` was over.",
		Fix:  "Run the job again. What is known to have been signed by then is in the summary.",
		Err:  s,
	}
}
