package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

var _ attest.Cataloger = (*Cataloger)(nil)

// nobody is the user and group of the child where we are root. It is the number that
// distroless images call "nonroot"; it needs no entry in /etc/passwd.
const nobody = 65532

// Cataloger runs the child. Its fields are set once, before use.
type Cataloger struct {
	Program string        // executable to start with the argument "catalog"; usually /proc/self/exe
	Name    string        // argument 0 of the child
	TempDir string        // folder for the child's TMPDIR; every parent folder is traversable by others
	Version string        // of seal-image, for the document
	Created time.Time     // creation time of the documents
	Limit   time.Duration // for one image
}

// Catalog implements [attest.Cataloger].
func (c *Cataloger) Catalog(ctx context.Context, dir string, img attest.Image) (*attest.SBOM, error) {
	req, err := json.Marshal(request{
		Layout: dir, Digest: img.Ref.DigestStr(), Repository: img.Ref.Context().Name(),
		Platform: img.Platform.String(), Created: c.Created, Tool: c.Version,
	})
	if err != nil {
		return nil, err
	}
	tmp, err := c.prepare(dir)
	defer os.RemoveAll(tmp)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, errTooSlow)
	defer cancel()
	packages, document, err := c.run(ctx, tmp, req)
	if err != nil {
		return nil, c.explain(ctx, img, err)
	}
	return &attest.SBOM{Image: img, Document: document, Packages: packages}, nil
}

// prepare makes the child's TMPDIR and lets its user read the layout.
func (c *Cataloger) prepare(dir string) (tmp string, err error) {
	tmp, err = os.MkdirTemp(c.TempDir, "catalog-")
	if err != nil {
		return "", fmt.Errorf("make TMPDIR: %w", err)
	}
	if os.Geteuid() != 0 {
		return tmp, nil
	}
	if err := os.Chown(tmp, nobody, nobody); err != nil {
		return tmp, fmt.Errorf("give TMPDIR to the child: %w", err)
	}
	return tmp, share(dir)
}

// share lets the child's group read a folder that stays ours.
func share(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open layout: %w", err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := root.Chown(path, -1, nobody); err != nil {
			return err
		}
		if entry.IsDir() {
			return root.Chmod(path, 0o750)
		}
		return root.Chmod(path, 0o640)
	})
}

// run starts the child and reads its answer.
func (c *Cataloger) run(ctx context.Context, tmp string, req []byte) (packages int, document []byte, err error) {
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
	packages, document, readErr := readAnswer(out)
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
	return packages, document, readErr
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

var errTooSlow = errors.New("the time for one image is over")

func (c *Cataloger) explain(ctx context.Context, img attest.Image, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errTooSlow) {
		return cause
	}
	p := &problem.Problem{
		Code: problem.SBOMFailed,
		What: fmt.Sprintf("The packages of the image for %s could not be listed.", img.Platform),
		Why:  "The cataloger ended with an error.",
		Fix:  "Open an issue with the section \"Details\" of this log. Until then leave the platform out with `platforms`, or sign without SBOM with `sbom: false`.",
		Err:  err,
	}
	switch {
	case errors.Is(context.Cause(ctx), errTooSlow):
		p.Why = fmt.Sprintf("It took longer than %s.", c.Limit)
	case killed(err):
		p.Why = "The cataloger was killed; most often it needs more memory than the runner has."
		p.Fix = "Use a larger runner, or sign without SBOM with `sbom: false`."
	}
	return p
}

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
