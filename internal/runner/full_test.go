package runner_test

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"seal-image/internal/problem"
)

// full makes the file system below dir take 64 KiB more: as root a small one of its own, and
// else by the limit of this process for each of its files, which ends a write in the same way.
func full(t *testing.T, dir string) {
	t.Helper()
	const size = 64 << 10
	if syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k") == nil {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
}

// TestWriteFilesFull: a file that does not fit leaves what was there, and nothing of itself.
//
// faults: F58
func TestWriteFilesFull(t *testing.T) { //nolint:paralleltest // the limit is the process's
	job, _, getenv := newJob(t, nil)
	workspace := getenv("GITHUB_WORKSPACE")
	full(t, workspace)
	if err := job.WriteFiles("out", map[string][]byte{"results.json": []byte("before")}); err != nil {
		t.Fatal(err)
	}
	err := job.WriteFiles("out", map[string][]byte{"results.json": bytes.Repeat([]byte("x"), 1<<20)})
	p := wantProblem(t, err, problem.RunnerFiles)
	if !strings.Contains(p.What, "out/results.json") || !strings.Contains(p.Why, "1024 KiB to write in all") || !strings.Contains(p.Why, "KiB are free now") {
		t.Errorf("%s %s", p.What, p.Why)
	}
	if got := tree(t, workspace); len(got) != 2 || got["out/results.json"] != "before" {
		t.Errorf("left: %v", got)
	}
}

// TestSummaryFull: a summary that does not fit is not there.
//
// faults: F58
func TestSummaryFull(t *testing.T) { //nolint:paralleltest // the limit is the process's
	dir := t.TempDir()
	job, _, _ := newJob(t, map[string]string{"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")})
	full(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "summary"), []byte("of another\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := wantProblem(t, job.AddSummary(strings.Repeat("x", 1<<20)), problem.RunnerFiles)
	if !strings.Contains(p.What, "GITHUB_STEP_SUMMARY cannot be written") {
		t.Errorf("%s %s", p.What, p.Why)
	}
	if got := read(t, filepath.Join(dir, "summary")); got != "of another\n" {
		t.Errorf("the summary has %d bytes", len(got))
	}
}
