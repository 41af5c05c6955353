package sbom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// run starts the child and reads its answer.
func (c *Cataloger) run(ctx context.Context, tmp string, req []byte) (packages int, documents [][]byte, err error) {
	var words tail
	cmd := exec.CommandContext(ctx, c.Program) //nolint:gosec // this executable, set in main
	cmd.Args = []string{c.Name, "catalog"}
	cmd.Dir = tmp
	cmd.Env = environment(tmp)
	cmd.Stdin = bytes.NewReader(req)
	cmd.Stderr = &words
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, fmt.Errorf("start child: %w", err)
	}
	// A process that the child left behind may hold the pipe open.
	stop := context.AfterFunc(ctx, func() { _ = out.Close() })
	defer stop()
	packages, documents, readErr := readAnswer(out, len(c.Options.Formats))
	ended := errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF)
	if readErr != nil && !ended {
		// A child that we do not understand must not go on writing into a full pipe.
		_ = killGroup(cmd)
	}
	err = cmd.Wait()
	switch {
	case readErr != nil && !ended:
		return 0, nil, &childError{err: readErr, words: words.String()}
	case err != nil: // how it ended says more than what is missing
		return 0, nil, &childError{err: err, words: words.String()}
	}
	return packages, documents, readErr
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
func environment(tmp string) []string {
	env := []string{"TMPDIR=" + tmp, "GOMAXPROCS=" + strconv.Itoa(runtime.GOMAXPROCS(0))}
	const share = 0.375 // two children at a time, and the parent and the page cache live too
	limit, err := memlimit.ApplyRatio(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem), share)()
	if err != nil {
		return env
	}
	return append(env, "GOMEMLIMIT="+strconv.FormatUint(limit, 10))
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

// tail keeps the last line that is written to it, at most 1 KiB.
type tail struct{ line []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 1 << 10
	t.line = append(t.line, p...)
	if i := bytes.LastIndexByte(bytes.TrimRight(t.line, "\n"), '\n'); i >= 0 {
		t.line = t.line[i+1:]
	}
	if len(t.line) > most {
		t.line = t.line[len(t.line)-most:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.line)) }
