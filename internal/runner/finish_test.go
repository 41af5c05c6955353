package runner_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/runner"
)

func TestFinish(t *testing.T) {
	t.Parallel()
	evil := "bad\n::add-mask::x\r##[group]y \x1b[31m"
	for name, tt := range map[string]struct {
		err    error
		env    map[string]string
		status int
	}{
		"problem": {
			err: fmt.Errorf("resolve ghcr.io/acme/app:v1: %w", &problem.Problem{
				Code: problem.InputInvalid,
				What: "2 inputs of this step, 100 % of them: not usable.",
				Why:  "image: it is required\nsbom: \"yes\" is neither true nor false",
				Fix:  "Write below `with:` of the step\n  image: ghcr.io/owner/name:tag\n  sbom: true",
				Err:  errors.New("as the parser says"),
			}),
			status: 2,
		},
		"foreign-text": {
			err: &problem.Problem{
				Code: problem.RegistryDenied, What: evil, Why: evil, Fix: "::error::x\nrun " + evil, Err: errors.New(evil),
			},
			env:    map[string]string{"GITHUB_ACTION_REPOSITORY": "acme/seal-image\n::error::x"},
			status: 3,
		},
		"no-advice": {err: errors.New("broken pipe"), env: map[string]string{"GITHUB_ACTION_REPOSITORY": ""}, status: 1},
		"cancelled": {
			err:    &problem.Problem{Code: problem.Cancelled, What: "The run was cancelled.", Why: "w", Fix: "f", Err: problem.Signal{Signal: syscall.SIGINT}},
			status: 130,
		},
		"success": {status: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, log, _ := newJob(t, tt.env)
			job.Step("Resolve ::x::", nil)()
			log.Reset()
			if got := job.Finish(tt.err); got != tt.status {
				t.Errorf("Finish = %d, want %d", got, tt.status)
			}
			golden.Compare(t, "finish/"+name+".txt", log.String())
			if tt.err == nil {
				return
			}
			var kinds []string
			for _, c := range commands(log.String()) {
				kinds = append(kinds, strings.Fields(strings.ReplaceAll(c, "::", " "))[0])
			}
			if diff := cmp.Diff([]string{"error", "group", "endgroup"}, kinds); diff != "" {
				t.Errorf("commands of the log (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWarn: a warning says what an error would, and foreign text is no command.
func TestWarn(t *testing.T) {
	t.Parallel()
	evil := "bad\n::add-mask::x\r##[group]y"
	job, log, _ := newJob(t, nil)
	job.Step("Upload", nil)()
	log.Reset()
	job.Warn(&problem.Problem{Code: problem.ArtifactFailed, What: "What " + evil, Why: "Why.", Fix: "Write\n  " + evil, Err: errors.New(evil)})
	golden.Compare(t, "finish/warning.txt", log.String())
	if got := commands(log.String()); len(got) != 1 || !strings.HasPrefix(got[0], "::warning ") {
		t.Errorf("commands of the log: %q, want one warning", got)
	}
}

// TestOutside: where no runner reads the log, it has no commands, and a failure says how the
// action is run by hand.
func TestOutside(t *testing.T) {
	t.Parallel()
	job, log, _ := newJob(t, map[string]string{"GITHUB_ACTIONS": "", "RUNNER_DEBUG": "1"})
	done := job.Step("Resolve", nil)
	job.Log().Debug("asked 100 %", slog.Int("status", 404))
	job.Log().Info("resolved")
	job.Log().Warn("odd\nline")
	done()
	job.Warn(&problem.Problem{Code: problem.ArtifactFailed, What: "No artifact.", Why: "Why\nso.", Fix: "Write\n  a: b"})
	p := &problem.Problem{Code: problem.RunnerFiles, What: "No files.", Why: "None.", Fix: "Set them.", Err: errors.New("x\x1b[31m")}
	if got, want := job.Finish(p), problem.RunnerFiles.Exit(); got != want {
		t.Errorf("Finish = %d, want %d", got, want)
	}
	golden.Compare(t, "finish/outside.txt", log.String())
	if got := commands(log.String()); len(got) != 0 {
		t.Errorf("commands of the log: %q, want none", got)
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	job, log, _ := newJob(t, nil)
	done := job.Step("Resolve a\n::error::b 50 %", nil)
	job.Log().Info("inside")
	done()
	want := "::group::Resolve a\\n::error::b 50 %25\ninside\n::endgroup::\n"
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// TestHeartbeat: a step that takes long says every 15 s how far it is, and a short one nothing.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		job, log, _ := newJob(t, nil)
		step := func(title string, took time.Duration, far func() string) {
			defer job.Step(title, far)()
			time.Sleep(took)
		}
		start := time.Now()
		step("Short", 14*time.Second, nil)
		step("Download\n::error::x", 46*time.Second, func() string {
			return fmt.Sprintf("%.0f of 60 MiB", time.Since(start).Seconds())
		})
		step("Check", 31*time.Second, func() string { return "" })
		time.Sleep(time.Hour) // a step that is over says nothing
		want := "::group::Short\n::endgroup::\n::group::Download\\n::error::x\n" +
			"Download\\n::error::x: 15s so far, 29 of 60 MiB\nDownload\\n::error::x: 30s so far, 44 of 60 MiB\nDownload\\n::error::x: 45s so far, 59 of 60 MiB\n::endgroup::\n" +
			"::group::Check\nCheck: 15s so far\nCheck: 30s so far\n::endgroup::\n"
		if diff := cmp.Diff(want, log.String()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestTimings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		job, _, _ := newJob(t, nil)
		var open func()
		defer func() { open() }()
		for i, title := range []string{"Resolve", "Attach", "open"} {
			done := job.Step(title, nil)
			time.Sleep(time.Duration(i+1) * time.Second)
			if title == "open" {
				open = done
				continue
			}
			done()
		}
		want := []runner.Timing{{Step: "Resolve", Took: time.Second}, {Step: "Attach", Took: 2 * time.Second}}
		if diff := cmp.Diff(want, job.Timings()); diff != "" {
			t.Errorf("timings (-want +got):\n%s", diff)
		}
	})
}
