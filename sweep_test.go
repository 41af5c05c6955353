package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"seal-image/internal/harness"
)

// errorLines are the reasons of a failure, as the runner shows them at the step.
var errorLines = regexp.MustCompile(`(?m)^::error.*::`)

// judge wants what every run has to hold to, whatever it was given and wherever it failed: one
// reason of a failure and no output with it, no file but those that were asked for, no secret
// anywhere, and no command for the runner but the action's own. docs/reliability.md says so.
func (s *script) judge(ts *testscript.TestScript, r *stepRun) {
	s.sweep(ts, r, s.stdout+r.stderr.String())
	ts.Check(harness.CheckCommands(s.stdout + r.stderr.String()))
	ts.Check(r.runner.CheckSummary())
	if got := len(errorLines.FindAllString(s.stdout, -1)); got != min(r.exit, 1) && !r.twice {
		ts.Fatalf("%d lines of ::error:: and the exit status %d", got, r.exit)
	}
	if written, _ := r.runner.Outputs(); r.exit != 0 && len(written) > 0 {
		ts.Fatalf("a failed run has outputs: %v", written)
	}
	if left, err := os.ReadDir(r.runner.Temp); err != nil || (len(left) > 0 && !r.twice) {
		ts.Fatalf("left in RUNNER_TEMP: %v %v", left, err)
	}
	if home := filepath.Join(filepath.Dir(r.runner.Workspace), "home"); exists(home) {
		ts.Fatalf("the run has made a home folder")
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// masked are the lines with which the action tells the runner what to mask.
var masked = regexp.MustCompile(`(?m)^::add-mask::.*\n`)

var (
	jwt       = regexp.MustCompile(`eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+`)
	signedURL = regexp.MustCompile(`[?&]sig=`)
)

// sweep looks for secrets in all that the run has left: its log (but for the lines with
// which it tells the runner what to mask), the outputs, the summary and the files.
func (s *script) sweep(ts *testscript.TestScript, r *stepRun, log string) {
	secrets := s.secrets(r)
	look := func(where, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s contains a secret of the job", where)
			}
		}
		if jwt.MatchString(text) {
			ts.Fatalf("%s contains a token", where)
		}
		if signedURL.MatchString(text) {
			ts.Fatalf("%s contains a signed URL", where)
		}
	}
	look("the log", masked.ReplaceAllString(log, ""))
	ts.Check(filepath.WalkDir(filepath.Dir(r.runner.Workspace), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "config.json" {
			return err // the user's own credentials stay where the user put them
		}
		content, err := os.ReadFile(path)
		look(path, string(content))
		return err
	}))
	for _, a := range s.artifacts(ts) {
		s.sweepArtifact(ts, a, look)
	}
}

// sweepArtifact looks through an artifact of the run, once.
func (s *script) sweepArtifact(ts *testscript.TestScript, a storedArtifact, look func(where, text string)) {
	if s.swept[a.ID] {
		return
	}
	s.swept[a.ID] = true
	content, err := s.job.Ask(context.Background(), http.MethodGet, "/artifacts/"+strconv.FormatInt(a.ID, 10), nil)
	ts.Check(err)
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	ts.Check(err)
	for _, f := range archive.File {
		r, err := f.Open()
		ts.Check(err)
		content, err := io.ReadAll(r)
		ts.Check(err)
		look("the artifact's "+f.Name, f.Name+string(content))
	}
}

// secrets are those of the job and of the step, in each form in which they may stand somewhere: as
// they are, in base64, in a URL and as a login.
func (s *script) secrets(r *stepRun) []string {
	passwords := []string{s.job.GitHubToken, s.job.RegistryPassword, s.job.RegistryReaderPassword, r.inputs["registry-password"], r.inputs["github-token"], proxyPassword}
	users := []string{s.job.RegistryUsername, s.job.RegistryReaderUsername, r.inputs["registry-username"], "octocat", proxyUser}
	seen := map[string]bool{"": true}
	var out []string
	add := func(secret string) {
		if !seen[secret] {
			seen[secret] = true
			out = append(out, secret)
		}
	}
	for _, secret := range append(passwords, s.job.RuntimeToken) {
		if secret == "" {
			continue
		}
		for _, form := range formsOf(secret) {
			add(form)
		}
		for _, user := range users {
			add(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(user+":"+secret)), "="))
		}
	}
	return out
}

// formsOf are those in which a secret may stand somewhere.
func formsOf(secret string) []string {
	b := []byte(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
	}
}
