package main

import (
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"seal-image/internal/harness"
)

// paste LINE: runs the commands that the last summary shows below LINE, as a reader would paste
// them into a shell, and stops at the first that fails.
func paste(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: paste LINE")
	}
	commands, err := of(ts).runner.Copied(args[0])
	ts.Check(err)
	cmd := exec.Command("sh", "-e", "-c", harness.ShellTools+commands)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("%v: %s\n%s", err, commands, out)
	}
	ts.Logf("%s", commands)
	_, err = ts.Stdout().Write(out)
	ts.Check(err)
}

// summary: prints the last summary with names in the place of what differs from run to run.
func showSummary(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) > 0 {
		ts.Fatalf("usage: summary")
	}
	text := s.names(ts.ReadFile(s.runner.Summary))
	for _, change := range changing {
		text = change.pattern.ReplaceAllString(text, change.stand)
	}
	_, err := ts.Stdout().Write([]byte(strings.TrimRight(text, "\n") + "\n"))
	ts.Check(err)
}

// changing is what differs from run to run in a summary, beside what differs everywhere.
var changing = []struct {
	pattern *regexp.Regexp
	stand   string
}{
	{regexp.MustCompile(`\[\d+\]\(<http://REKOR[^>]*>\)`), "ENTRY"},
	{regexp.MustCompile("sha256:[0-9a-f]{12}`"), "sha256:SHORT`"},
	{regexp.MustCompile(`\d+ min \d+ s|\d+\.\d s`), "TIME"},
	{regexp.MustCompile(`\d+\.\d KiB`), "SIZE"},
	{regexp.MustCompile(`artifacts/\d+`), "artifacts/N"},
}
