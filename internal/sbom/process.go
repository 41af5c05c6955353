package sbom

import (
	"bufio"
	"bytes"
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

// run starts the child, watches it, and reads its answer. It ends it when ctx is done, which
// stop makes so when the child takes too much.
func (c *Cataloger) run(ctx context.Context, stop context.CancelCauseFunc, tmp, layout string, req []byte) (packages int, documents [][]byte, err error) {
	var said words
	cmd := c.command(ctx, tmp, layout)
	cmd.Stdin = bytes.NewReader(req)
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, fmt.Errorf("start child: %w", err)
	}
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	go c.Limits.watch(watched, cmd.Process.Pid, tmp, stop)
	go c.Limits.watchUnpacked(watched, tmp, layout, stop)
	// A process that the child left behind may hold the pipe open.
	release := context.AfterFunc(ctx, func() { _ = out.Close() })
	defer release()
	packages, documents, readErr := c.read(ctx, newAnswer(out))
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
		return 0, nil, &childError{err: readErr, words: said.String()}
	case err != nil: // how it ended says more than what is missing
		return 0, nil, &childError{err: err, words: said.String()}
	}
	return packages, documents, readErr
}

// command is the child, not yet started. Its working folder is the layout; see [Confine].
func (c *Cataloger) command(ctx context.Context, tmp, layout string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Program) //nolint:gosec // this executable, set in main
	cmd.Args = []string{c.Name, "catalog"}
	cmd.Dir = layout
	cmd.Env = c.Limits.environment(tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (c *Cataloger) read(ctx context.Context, in *bufio.Reader) (packages int, documents [][]byte, err error) {
	active, err := readConfined(in)
	if err != nil {
		return 0, nil, err
	}
	c.Log.DebugContext(ctx, "child confined", slog.String("by", active))
	c.warnOfLacks(ctx, active)
	return readAnswer(in, len(c.Options.Formats))
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
