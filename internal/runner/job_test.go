package runner_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
