package runner_test

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/harness"
	"seal-image/internal/problem"
	"seal-image/internal/runner"
	"seal-image/internal/secret"
)

// hostile are texts that a runner, a terminal or a browser would execute.
var hostile = []string{
	"", "plain", "::add-mask::x", " \u00a0::error::x", "##[group]x", "a\r\n::set-output name=digest::x", "\u00ad::debug::x", "#\u200b#[error]",
	"\xff\xfe::", "\u2028::warning::x", "%0A::error::x", "%25%0D", ",file=a::x", "title=x,col=1::", "::", ":", "##[", "\x1b]8;;x\x07", strings.Repeat("##[", 1000),
	"_GitHubActionsFileCommandDelimeter_", "a<<b", "a=b", "x\n_GitHubActionsFileCommandDelimeter_\ndigest=evil", "\v::x::", "\u0085::x::",
}

// FuzzLog: whatever a server, an image or the job's environment says, the log has the commands
// that we meant, in their order.
func FuzzLog(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, hostile[(i+1)%len(hostile)], hostile[(i+2)%len(hostile)])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var log bytes.Buffer
		env := map[string]string{"GITHUB_ACTIONS": "true", "RUNNER_DEBUG": "1", "GITHUB_SERVER_URL": a, "GITHUB_ACTION_REPOSITORY": c}
		job := runner.New(func(name string) string { return env[name] }, &log)
		done := job.Step(a, nil)
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			job.Log().LogAttrs(t.Context(), level, a, slog.String("key", b), slog.Any(c, errors.New(a)))
		}
		done()
		job.Warn(&problem.Problem{Code: problem.ArtifactFailed, What: b, Why: c, Fix: a, Err: errors.New(b)})
		job.Note(c)
		job.Finish(&problem.Problem{Code: problem.InputInvalid, What: a, Why: b, Fix: c, Err: errors.New(c)})

		var names []string
		for _, command := range harness.Commands(log.String()) {
			names = append(names, command.Name)
		}
		want := []string{"group", "debug", "warning", "error", "endgroup", "warning", "error", "group", "endgroup"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("commands of the log (-want +got):\n%s\n%q", diff, log.String())
		}
		if err := harness.CheckCommands(log.String()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzMask: whatever a secret is, the runner hears of nothing but masks, in full where it is one
// line.
func FuzzMask(f *testing.F) {
	for _, s := range append(hostile, "hunter2-hunter2", "two words", "two\nlines") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var log bytes.Buffer
		job := runner.New(func(name string) string { return map[string]string{"GITHUB_ACTIONS": "true"}[name] }, &log)
		job.Mask(secret.New(s))
		unescaped := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
		for line := range strings.Lines(log.String()) {
			value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "::add-mask::")
			if !ok {
				t.Fatalf("masking %q writes %q", s, line)
			}
			if value = unescaped.Replace(value); len(value) < 4 || !strings.Contains(s, value) {
				t.Errorf("of %q it masks %q", s, value)
			}
		}
	})
}

// FuzzOutputs: what is written is read back as it was, and nothing else; what cannot be is
// refused, and nothing written.
func FuzzOutputs(f *testing.F) {
	for i, s := range hostile {
		f.Add("image", s, hostile[(i+1)%len(hostile)], "x")
		f.Add(s, "x", "verify-command", hostile[(i+3)%len(hostile)])
	}
	output := filepath.Join(f.TempDir(), "output")
	f.Fuzz(func(t *testing.T, name, value, other, otherValue string) {
		if err := os.WriteFile(output, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"digest": "sha256:abc"}
		maps.Copy(want, map[string]string{name: value, other: otherValue})
		err := runner.New(func(string) string { return output }, &bytes.Buffer{}).SetOutputs(want)
		if err != nil {
			want = map[string]string{}
		}
		got, parseErr := parseOutputs(read(t, output))
		if diff := cmp.Diff(want, got); diff != "" || parseErr != nil {
			t.Errorf("outputs (-want +got), %v, %v:\n%s", err, parseErr, diff)
		}
	})
}

// FuzzDeclare: whatever a repository is called, the runner's file gets one line about it, or none.
func FuzzDeclare(f *testing.F) {
	digest := "sha256:" + strings.Repeat("a1", 32)
	for _, s := range hostile {
		f.Add("ghcr.io/acme/app"+s, digest)
		f.Add("ghcr.io/acme/app", digest+s)
	}
	file := filepath.Join(f.TempDir(), "artifacts")
	f.Fuzz(func(t *testing.T, repository, digest string) {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"GITHUB_ARTIFACTS": file}
		declared, err := runner.New(func(name string) string { return env[name] }, &bytes.Buffer{}).DeclareImage(repository, digest)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if declared {
			want = "oci://" + repository + "@" + digest + "\n"
		}
		if got := read(t, file); got != want || strings.Count(got, "\n") > 1 || strings.Contains(got, "=") {
			t.Errorf("the runner's file has %q, want %q", got, want)
		}
	})
}
