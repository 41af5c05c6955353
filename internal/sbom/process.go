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

// job is what a child is started for.
type job struct {
	does   string // the argument of the child
	user   uint32
	tmp    string // its TMPDIR
	layout string // its working folder; see [Confine]

	write func(in io.WriteCloser)   // what the child reads
	read  func(*bufio.Reader) error // what it answers after its first line, to the end
}

// run starts the child, watches it, and reads its answer. It ends it when ctx is done, which
// stop makes so when the child takes too much.
func (c *Cataloger) run(ctx context.Context, stop context.CancelCauseFunc, j job) error {
	var said words
	cmd := c.command(ctx, j)
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start child: %w", err)
	}
	go j.write(in)
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	go c.Limits.watch(watched, cmd.Process.Pid, j.tmp, stop)
	// A process that the child left behind may hold the pipe open.
	release := context.AfterFunc(ctx, func() { _ = out.Close() })
	defer release()
	readErr := c.read(ctx, newAnswer(out), j.read)
	ended := errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF)
	if readErr != nil && !ended {
		// A child that we do not understand must not go on writing into a full pipe.
		_ = killGroup(cmd)
	}
	unwatch() // after Wait, the number may be another process's
	err = cmd.Wait()
	c.logEnd(ctx, cmd.ProcessState)
	switch {
	case readErr != nil && !ended:
		return &childError{err: readErr, words: said.String()}
	case err != nil: // how it ended says more than what is missing
		return &childError{err: err, words: said.String()}
	}
	return readErr
}

// command is the child, not yet started.
func (c *Cataloger) command(ctx context.Context, j job) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Program) //nolint:gosec // this executable, set in main
	cmd.Args = []string{c.Name, j.does}
	cmd.Dir = j.layout
	cmd.Env = c.Limits.environment(j.tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: j.user, Gid: nobody}
	}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
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
