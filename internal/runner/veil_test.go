package runner_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

// TestSecretsAreHidden: what a server repeats of a secret is neither in the log nor in what goes
// into files, in whatever form; the runner is told the secret as it is, again and again.
//
// faults: F68
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	const password, token = "a % pass/word+", "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"
	job, log, _ := newJob(t, nil)
	job.Mask(secret.New(password))
	job.Mask(secret.New(password))
	if got := strings.Count(log.String(), "::add-mask::a %25 pass/word+\n"); got != 2 {
		t.Errorf("the runner was told %d times:\n%s", got, log)
	}
	log.Reset()
	forms := []string{
		password, url.QueryEscape(password), url.PathEscape(password),
		base64.StdEncoding.EncodeToString([]byte(password)), token, token[:len(token)-12],
	}
	for _, form := range forms {
		err := &problem.Problem{Code: problem.RegistryLogin, What: "No.", Why: "It said " + form + ".", Fix: "None.", Err: errors.New("got " + form)}
		job.Log().Info("sent " + form)
		job.Warn(err)
		hidden := job.WithoutSecrets(err)
		p := problem.From(hidden)
		if p.Code != err.Code || !errors.Is(hidden, err) || !strings.HasPrefix(p.Why, "It said ***") {
			t.Errorf("%q became %q", form, p.Why)
		}
		if strings.Contains(log.String(), form) {
			t.Errorf("the log has %q:\n%s", form, log)
		}
	}
	plain := &problem.Problem{Code: problem.RegistryLogin, What: "No."}
	if got := job.WithoutSecrets(plain); problem.From(got) != plain || job.WithoutSecrets(nil) != nil {
		t.Errorf("what has no secret became %v", got)
	}
}
