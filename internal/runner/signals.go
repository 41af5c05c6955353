package runner

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"seal-image/internal/problem"
)

// Signals returns a context that ends when the job is cancelled: the runner sends SIGINT,
// SIGTERM 7.5 s later, and kills after another 2.5 s. The cause is a problem that names
// the signal. A second signal calls exit with its status, at once.
func Signals(parent context.Context, exit func(status int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		for do := cancel; ; do = func(err error) { exit(problem.Exit(err)) } {
			select {
			case s := <-signals:
				number, _ := s.(syscall.Signal)
				do(cancelled(problem.Signal{Signal: number}))
			case <-stopped:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(stopped)
		cancel(nil)
	})
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
