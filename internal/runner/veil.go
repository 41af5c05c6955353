package runner

import (
	"encoding/base64"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"seal-image/internal/problem"
)

// veil is the job's log without secrets. The runner replaces them too, where there is one, and
// neither in files nor in other forms than the secret's own; a server that repeats what it was
// sent would have them there.
type veil struct {
	out io.Writer

	mu     sync.Mutex
	hidden []string // the longest first
}

const hiddenText = "***"

// webToken is a JSON Web Token, of which a server's answer may have been cut off.
var webToken = regexp.MustCompile(`eyJ[\w-]{8,}\.eyJ[\w-]*(\.[\w-]*)?`)

// Write hides secrets in p, which has whole lines.
func (v *veil) Write(p []byte) (int, error) {
	if _, err := io.WriteString(v.out, v.hide(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// add has a secret hidden from here on, also in base64 and as it stands in a URL or in a command
// of the runner.
func (v *veil) add(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := []byte(secret)
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "%", "%25"),
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
	} {
		if !slices.Contains(v.hidden, form) {
			v.hidden = append(v.hidden, form)
		}
	}
	slices.SortStableFunc(v.hidden, func(a, b string) int { return len(b) - len(a) })
}

func (v *veil) hide(text string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, secret := range v.hidden {
		text = strings.ReplaceAll(text, secret, hiddenText)
	}
	return webToken.ReplaceAllString(text, hiddenText)
}

// WithoutSecrets returns err, or a problem that says the same without the secrets that were
// masked: what goes into files is seen by nobody who would hide them.
func (j *Job) WithoutSecrets(err error) error {
	if err == nil {
		return nil
	}
	p := *problem.From(err)
	what, why, fix := j.out.hide(p.What), j.out.hide(p.Why), j.out.hide(p.Fix)
	if what == p.What && why == p.Why && fix == p.Fix {
		return err
	}
	p.What, p.Why, p.Fix, p.Err = what, why, fix, err
	return &p
}
