package runner_test

import (
	"context"
	"os"
	"syscall"
	"testing"

	"seal-image/internal/problem"
	"seal-image/internal/runner"
)

// TestSignals is not parallel: signals go to the whole process.
func TestSignals(t *testing.T) { //nolint:paralleltest // see above
	for _, tt := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		exits := make(chan int, 1)
		ctx, stop := runner.Signals(t.Context(), func(status int) { exits <- status })
		if err := syscall.Kill(os.Getpid(), tt.signal); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		cause := context.Cause(ctx)
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if got := <-exits; got != 143 {
			t.Errorf("a second signal ends with %d", got)
		}
		stop()
		_ = wantProblem(t, cause, problem.Cancelled)
		if got := problem.Exit(cause); got != tt.status {
			t.Errorf("after %s the exit status is %d, want %d", tt.signal, got, tt.status)
		}
	}
}

func TestSignalsStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := runner.Signals(t.Context(), func(int) { t.Error("the process ends") })
	if ctx.Err() != nil {
		t.Errorf("the context has ended: %v", context.Cause(ctx))
	}
	stop()
	if ctx.Err() == nil {
		t.Error("stop does not end the context")
	}
}
