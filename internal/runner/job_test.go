package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/runner"
	"seal-image/internal/secret"
)

// newJob is a job with its files in a folder of the test, and its log.
func newJob(t *testing.T, env map[string]string) (job *runner.Job, log *bytes.Buffer, getenv func(string) string) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"GITHUB_ACTIONS":           "true",
		"GITHUB_WORKSPACE":         filepath.Join(dir, "workspace"),
		"GITHUB_OUTPUT":            filepath.Join(dir, "output"),
		"GITHUB_STEP_SUMMARY":      filepath.Join(dir, "summary"),
		"GITHUB_SERVER_URL":        "https://github.com",
		"GITHUB_ACTION_REPOSITORY": "acme/seal-image",
	}
	maps.Copy(all, env)
	if err := os.Mkdir(filepath.Join(dir, "workspace"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"output", "summary"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log = &bytes.Buffer{}
	getenv = func(key string) string { return all[key] }
	return runner.New(getenv, log), log, getenv
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parseOutputs re-implements the runner's parser of its command files.
// Source: https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs
func parseOutputs(file string) (map[string]string, error) {
	out := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case line == "":
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			out[line[:equals]] = line[equals+1:]
		case heredoc > 0:
			name, delimiter := line[:heredoc], line[heredoc+2:]
			var value []string
			for i++; i < len(lines) && lines[i] != delimiter; i++ {
				value = append(value, lines[i])
			}
			if i == len(lines) {
				return nil, fmt.Errorf("value of %s does not end", name)
			}
			out[name] = strings.Join(value, "\n")
		default:
			return nil, fmt.Errorf("line %q is no command", line)
		}
	}
	return out, nil
}

func TestSetOutputs(t *testing.T) {
	t.Parallel()
	job, log, getenv := newJob(t, nil)
	want := map[string]string{
		"digest":         "sha256:abc",
		"log-url":        "",
		"verify-command": `cosign verify --certificate-identity 'a b' "<<x" a=b`,
		"results":        `{"images":[{"image":"ghcr.io/acme/app"}]}`,
	}
	if err := job.SetOutputs(want); err != nil {
		t.Fatal(err)
	}
	got, err := parseOutputs(read(t, getenv("GITHUB_OUTPUT")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if log.Len() != 0 {
		t.Errorf("the log has %q", log)
	}
}

// faults: F61
func TestSetOutputsRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ name, value string }{
		"line break":      {"image", "a\nb"},
		"carriage return": {"image", "a\rb"},
		"control":         {"image", "a\x1bb"},
		"not ASCII":       {"image", "größe"},
		"delimiter":       {"image", "_GitHubActionsFileCommandDelimeter_"},
		"injection":       {"image", "x\n_GitHubActionsFileCommandDelimeter_\ndigest=evil"},
		"name with =":     {"a=b", "x"},
		"name with <<":    {"a<<b", "x"},
		"upper-case name": {"Image", "x"},
		"empty name":      {"", "x"},
		"two-line name":   {"image\n", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, _, getenv := newJob(t, nil)
			if err := job.SetOutputs(map[string]string{"aaa": "good", tt.name: tt.value, "zzz": "good"}); err == nil {
				t.Errorf("SetOutputs accepts %q = %q", tt.name, tt.value)
			}
			if got := read(t, getenv("GITHUB_OUTPUT")); got != "" {
				t.Errorf("it wrote %q", got)
			}
		})
	}
}

func TestAddSummary(t *testing.T) {
	t.Parallel()
	job, _, getenv := newJob(t, nil)
	if err := job.AddSummary("### One"); err != nil {
		t.Error(err)
	}
	if err := job.AddSummary("### Two"); err != nil {
		t.Error(err)
	}
	if got, want := read(t, getenv("GITHUB_STEP_SUMMARY")), "### One\n### Two\n"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
}

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

// Without a runner that executes it, the command to mask a secret would print it.
func TestMaskNeedsRunner(t *testing.T) {
	t.Parallel()
	job, log, _ := newJob(t, map[string]string{"GITHUB_ACTIONS": ""})
	job.Mask(secret.New("hunter2-hunter2"))
	if log.Len() > 0 {
		t.Errorf("the log has %q", log)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	job, log, _ := newJob(t, nil)
	job.Mask(secret.New("hunter2%"), secret.String{}, secret.New("abc"), secret.New("first line\r\n\n  second line  \nxyz\nlast"))
	want := "::add-mask::hunter2%25\n::add-mask::first line\n::add-mask::second line\n::add-mask::last\n"
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ debug, want string }{
		"without debug logging": {"", "" +
			"resolved  digest=sha256:ab tag=v1\n" +
			": :add-mask::x\n" +
			"login  password=[redacted]\n" +
			"::warning::50 %25 \\n::error::x\n" +
			"::error::broken\n"},
		"with debug logging": {"1", "" +
			"::debug::http  status=200\n" +
			"resolved  digest=sha256:ab tag=v1\n" +
			": :add-mask::x\n" +
			"login  password=[redacted]\n" +
			"::warning::50 %25 \\n::error::x\n" +
			"::error::broken\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, out, _ := newJob(t, map[string]string{"RUNNER_DEBUG": tt.debug})
			log := job.Log()
			log.Debug("http", slog.Int("status", 200))
			log.Info("resolved", slog.String("digest", "sha256:ab"), slog.String("tag", "v1"))
			log.Info("::add-mask::x")
			log.Info("login", slog.Any("password", secret.New("hunter2-hunter2")))
			log.Warn("50 % \n::error::x")
			log.Error("broken")
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// faults: F61
func TestCheckFiles(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "output")
	for name, tt := range map[string]struct {
		env  map[string]string
		good bool
	}{
		"a job":                  {good: true},
		"no output file":         {env: map[string]string{"GITHUB_OUTPUT": ""}},
		"output file missing":    {env: map[string]string{"GITHUB_OUTPUT": missing}},
		"output is a folder":     {env: map[string]string{"GITHUB_OUTPUT": "testdata"}},
		"no summary file":        {env: map[string]string{"GITHUB_STEP_SUMMARY": "/no/such/file"}},
		"no workspace":           {env: map[string]string{"GITHUB_WORKSPACE": "/no/such/folder"}},
		"workspace is no folder": {env: map[string]string{"GITHUB_WORKSPACE": "job_test.go"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, _, getenv := newJob(t, tt.env)
			err := job.CheckFiles()
			if tt.good {
				if err != nil || read(t, getenv("GITHUB_OUTPUT")) != "" {
					t.Errorf("CheckFiles: %v; it must write nothing", err)
				}
				return
			}
			_ = wantProblem(t, err, problem.RunnerFiles)
		})
	}
}

func wantProblem(t *testing.T, err error, code problem.Code) *problem.Problem {
	t.Helper()
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Code != code {
		t.Fatalf("error %v, want a problem %s", err, code)
	}
	if p.What == "" || p.Why == "" || p.Fix == "" {
		t.Errorf("the problem %s has no advice: %+v", code, p)
	}
	return p
}

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
