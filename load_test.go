//go:build load

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

const (
	warmUp = 20
	runs   = 200
	// slack is for what the test and the runtime keep themselves.
	slack = 3
)

// TestRuns runs the action 200 times in this process: each run gives back all goroutines and files.
func TestRuns(t *testing.T) {
	tools := suite.Must(harness.Build(t.Context(), ".", false))(t)
	job := suite.Start(t, tools).First
	dir := suite.OpenDir(t)
	var before, after taken
	start := time.Now()
	for i := range runs {
		if i == warmUp {
			before = settle(taken{})
		}
		sealHere(t, tools, job, dir, fmt.Sprintf("%s/acme/run-%d:v1", job.Registry, i), formats[i%len(formats)])
	}
	after = settle(before)
	t.Logf("%d runs in %.1fs: %v after %d, %v after %d", runs, time.Since(start).Seconds(), before, warmUp, after, runs)
	if after.goroutines > before.goroutines+slack || after.files > before.files+slack {
		stacks := make([]byte, 1<<20)
		t.Errorf("runs keep what they took: %v, then %v\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}

// formats of the runs, one after the other: those with tags wait for other writers.
var formats = []string{"bundle", "bundle", "bundle", "bundle", "both"}

// sealHere is one run: log entries, referrers or tags as well, and an artifact.
func sealHere(t *testing.T, tools *harness.Tools, job *harness.Job, dir, ref, format string) {
	t.Helper()
	push := exec.CommandContext(t.Context(), tools.Sandbox, "push", filepath.Join(tools.Images, "single"), ref)
	if words, err := push.CombinedOutput(); err != nil {
		t.Fatalf("push %s: %v\n%s", ref, err, words)
	}
	runner := suite.Must(newRunner(filepath.Join(dir, strings.NewReplacer("/", "-", ":", "-").Replace(ref)), job))(t)
	env := map[string]string{}
	for _, variable := range runner.Environment(map[string]string{
		"image": ref, "sbom-path": "given.spdx.json", "signature-format": format, "tuf-url": job.TUFURL, "tuf-root": job.TUFRoot,
	}) {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	var log bytes.Buffer
	if status := run(os.Args[:1], func(name string) string { return env[name] }, nil, &log); status != 0 {
		t.Fatalf("exit status %d\n%s", status, log.Bytes())
	}
}

// taken is what a process has.
type taken struct{ goroutines, files int }

func (h taken) String() string {
	return fmt.Sprintf("%d goroutines and %d files", h.goroutines, h.files)
}

// settle counts until no more goes away, or it is no more than wanted.
func settle(wanted taken) taken {
	var now taken
	for range 30 {
		now = taken{goroutines: runtime.NumGoroutine()}
		for fd := range uintptr(4096) {
			if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
				now.files++
			}
		}
		if now.goroutines <= wanted.goroutines && now.files <= wanted.files {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return now
}
