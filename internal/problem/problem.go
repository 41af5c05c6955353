// Package problem describes a failure to the person who reads the job log: what did
// not work, why as far as the evidence goes, and what to type next.
//
// The adapter that knows the cause makes the [Problem]; the layers above only wrap it;
// internal/runner prints it once. The package knows nothing of the outside world.
package problem

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// A Problem is a failure with its advice.
type Problem struct {
	Code Code   // stable: the anchor of its entry in docs/troubleshooting.md
	What string // what did not work, naming the thing; one sentence
	Why  string // the cause, as far as the evidence goes
	Fix  string // what to type next; may span lines
	Err  error  // what the library or the server said; may be nil
}

// Error is What followed by the cause, for logs of the whole chain.
func (p *Problem) Error() string {
	if p.Err == nil {
		return p.What
	}
	return strings.TrimSuffix(p.What, ".") + ": " + p.Err.Error()
}

// Unwrap gives [errors.Is] and [errors.As] the cause.
func (p *Problem) Unwrap() error { return p.Err }

// From finds the Problem in the chain of err. An error without one is a defect of ours,
// and the advice says so. From(nil) is nil.
func From(err error) *Problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return &Problem{
		Code: Unexpected,
		What: "seal-image met an error that it has no advice for.",
		Why:  "This is a gap in seal-image, not a mistake in your workflow.",
		Fix:  "Run the job again with debug logging and open an issue with the section \"Details\" of this log.",
		Err:  err,
	}
}

// A Signal is the cause of a run that was stopped from outside.
type Signal struct{ syscall.Signal }

// Error names the signal, e.g. "stopped by SIGTERM (terminated)".
func (s Signal) Error() string {
	return fmt.Sprintf("stopped by signal %d (%s)", int(s.Signal), s.Signal)
}

// Exit is the exit status of a run that ends with err: 0 for nil, 128 + n for a run
// stopped by signal n, otherwise the status of the problem's code.
func Exit(err error) int {
	if err == nil {
		return 0
	}
	p := From(err)
	if s, ok := errors.AsType[Signal](p.Err); ok && p.Code == Cancelled {
		return 128 + int(s.Signal)
	}
	return p.Code.Exit()
}
