//go:build load

package load_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	errorLine   = regexp.MustCompile(`(?m)^::error title=(.*?)::`)
	codeLine    = regexp.MustCompile(`(?m)^code: (\S+)$`)
	maskLine    = regexp.MustCompile(`(?m)^::add-mask::.*\n`)
	failedTry   = regexp.MustCompile(`(?m)http .*(error=|status=(429|503)\b)`)
	webToken    = regexp.MustCompile(`eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+`)
	signedQuery = regexp.MustCompile(`[?&]sig=`)
)

// codeOf is how a run has ended: "ok", or the code of its error.
func codeOf(out *outcome) string {
	if out.exit == 0 {
		return "ok"
	}
	if code := codeLine.FindStringSubmatch(out.log); code != nil {
		return code[1]
	}
	return "exit " + strconv.Itoa(out.exit)
}

// failedAttempts counts the requests that did not get what they asked for, as the log has them.
func failedAttempts(out *outcome) int { return len(failedTry.FindAllString(out.log, -1)) }

// judge checks what every run owes: an error that is known and alone, or outputs; no secret
// anywhere; and no temporary file.
func (s *soak) judge(t *testing.T, what string, out *outcome) {
	t.Helper()
	outputs, err := out.runner.Outputs()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	errorsSaid := errorLine.FindAllStringSubmatch(out.log, -1)
	switch {
	case out.exit == 0 && (len(errorsSaid) > 0 || outputs["digest"] == "" || outputs["results"] == ""):
		t.Errorf("%s: succeeds with the errors %q and the outputs %v", what, errorsSaid, outputs)
	case out.exit != 0 && (len(errorsSaid) != 1 || len(outputs) > 0 || codeLine.FindString(out.log) == ""):
		t.Errorf("%s: fails with the errors %q and the outputs %v\n%s", what, errorsSaid, outputs, tail([]byte(out.log)))
	case out.exit == 1 || out.exit == 2 || out.exit < 0:
		t.Errorf("%s: exit status %d\n%s", what, out.exit, tail([]byte(out.log)))
	}
	if left, err := os.ReadDir(out.runner.Temp); err != nil || len(left) > 0 {
		t.Errorf("%s: left in RUNNER_TEMP: %v %v", what, left, err)
	}
	if err := s.leaks(out); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// leaks looks for secrets in all that a run has left, but for the lines with which it tells the
// runner what to mask.
func (s *soak) leaks(out *outcome) error {
	job := out.runner.Job
	secrets := []string{job.IDTokenRequestToken, job.GitHubToken, job.RegistryPassword}
	for _, pair := range []string{job.RegistryUsername + ":" + job.RegistryPassword, "octocat:" + job.GitHubToken} {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	for _, secret := range secrets[:3] {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(secret)))
	}
	look := func(where, text string) error {
		for i, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				return errors.New(where + " has secret " + strconv.Itoa(i))
			}
		}
		if webToken.MatchString(text) || signedQuery.MatchString(text) {
			return errors.New(where + " has a token or a signed URL")
		}
		return nil
	}
	if err := look("the log", maskLine.ReplaceAllString(out.log, "")); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Dir(out.runner.Workspace), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		return errors.Join(err, look(path, string(content)))
	})
}

// table prints what was done, and what the faults came to.
func (s *soak) table(t *testing.T, runs int, took time.Duration) {
	t.Helper()
	total, faults, byKind := tally{}, tally{}, map[string]tally{}
	for _, r := range requests(t, s.job) {
		total[r.Service]++
		if r.Fault == "" {
			continue
		}
		faults[r.Service]++
		if byKind[r.Service] == nil {
			byKind[r.Service] = tally{}
		}
		byKind[r.Service][r.Fault]++
	}
	t.Logf("%d runs in %s, %.1f s each; ended: %s", runs, took.Round(time.Second), s.took.Seconds()/float64(runs), s.codes)
	for _, service := range services {
		t.Logf("%-28s %5d requests, %4d spoiled: %s", service, total[service], faults[service], byKind[service])
		if runs >= soakRuns && faults[service] == 0 {
			t.Errorf("no request to %s was spoiled", service)
		}
	}
	t.Logf("%d attempts failed, of which the runs ended by an error had the last", s.repeated)
}
