package sbom

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// process is a child that runs.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	said *words
	tmp  string // its TMPDIR

	limits   Limits
	contents *os.Root // of one that catalogs, the folder for contents of layers
}

// start starts a child, which ends with ctx. does is its argument; its working folder is the
// layout: see [Confine].
func (c *Cataloger) start(ctx context.Context, does string, user uint32, limits Limits, tmp, layout string) (p *process, err error) {
	cmd := exec.CommandContext(ctx, c.Program) //nolint:gosec // this executable, set in main
	cmd.Args = []string{c.Name, does}
	cmd.Dir = layout
	cmd.Env = limits.environment(tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: nobody}
	}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = 5 * time.Second
	p = &process{cmd: cmd, tmp: tmp, limits: limits, said: &words{}}
	cmd.Stderr = p.said
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	return p, nil
}

// finish watches a child, which reads what write writes, and reads its answer by read, but for
// the first line. It ends the child when ctx is done, which stop makes so when the child takes
// too much.
func (c *Cataloger) finish(ctx context.Context, stop context.CancelCauseFunc, p *process, write func(context.Context, io.WriteCloser), read func(*bufio.Reader) error) error {
	watched, unwatch := context.WithCancel(ctx)
	written := make(chan struct{})
	go func() { defer close(written); write(watched, p.in) }()
	defer func() { unwatch(); <-written }()
	go p.limits.watch(watched, p.cmd.Process.Pid, p.tmp, stop)
	// A process that the child left behind may hold the pipe open.
	release := context.AfterFunc(ctx, func() { _ = killGroup(p.cmd); _ = p.out.Close() })
	defer release()
	readErr := c.read(ctx, newAnswer(p.out), read)
	ended := errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF)
	if readErr != nil && !ended {
		// A child that we do not understand must not go on writing into a full pipe.
		_ = killGroup(p.cmd)
	}
	unwatch() // after Wait, the number may be another process's
	err := p.cmd.Wait()
	c.logEnd(ctx, p.cmd.ProcessState)
	switch {
	case readErr != nil && !ended:
		return &childError{err: readErr, words: p.said.String()}
	case err != nil: // how it ended says more than what is missing
		return &childError{err: err, words: p.said.String()}
	}
	return readErr
}

func (c *Cataloger) read(ctx context.Context, in *bufio.Reader, rest func(*bufio.Reader) error) error {
	active, err := readConfined(in)
	if err != nil {
		return err
	}
	c.Log.DebugContext(ctx, "child confined", slog.String("by", active))
	c.warnOfLacks(ctx, active)
	return rest(in)
}

// logEnd logs what the child took.
func (c *Cataloger) logEnd(ctx context.Context, state *os.ProcessState) {
	if used, ok := state.SysUsage().(*syscall.Rusage); ok {
		c.Log.DebugContext(ctx, "child ended", slog.String("how", state.String()), slog.Int64("peak-memory-kib", used.Maxrss),
			slog.Duration("processor-time", state.UserTime()+state.SystemTime()))
	}
}

// killGroup ends the child and what it may have started.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// environment is all that the child gets to know.
func (l Limits) environment(tmp string) []string {
	env := []string{"TMPDIR=" + tmp, "GOMAXPROCS=" + strconv.Itoa(runtime.GOMAXPROCS(0))}
	if heap := l.heap(); heap > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatUint(heap, 10))
	}
	return env
}

// childError is how the child ended and what it said last.
type childError struct {
	err   error
	words string
}

func (e *childError) Error() string {
	if e.words == "" {
		return e.err.Error()
	}
	return e.err.Error() + ": " + e.words
}

func (e *childError) Unwrap() error { return e.err }

// killed reports whether the child ended by SIGKILL, which is how the kernel ends a
// process when memory is short.
func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
