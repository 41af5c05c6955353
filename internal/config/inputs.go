package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"seal-image/internal/problem"
)

// An Input is a declared input of the action, as in action.yml.
type Input struct {
	Name    string
	Default string // empty: none, or one that only the runner knows
}

// Inputs returns the inputs that [Parse] reads, in the order of action.yml. A test
// compares them with action.yml and README.
func Inputs() []Input {
	return []Input{
		{Name: "image"},
		{Name: "digest"},
		{Name: "platforms"},
		{Name: "registry-username"},
		{Name: "registry-password"},
		{Name: "github-token", Default: "${{ github.token }}"},
		{Name: "allow-http-registry", Default: "false"},
		{Name: "sbom", Default: "true"},
		{Name: "format", Default: "spdx-json"},
		{Name: "allow-empty-sbom", Default: "false"},
		{Name: "recursive", Default: "true"},
		{Name: "private-repository", Default: "false"},
		{Name: "fulcio-url"},
		{Name: "rekor-url"},
		{Name: "oidc-audience", Default: "sigstore"},
		{Name: "signing-config"},
		{Name: "trusted-root"},
		{Name: "tuf-url"},
		{Name: "tuf-root"},
		{Name: "output-dir", Default: ".seal-image"},
		{Name: "summary", Default: "true"},
		{Name: "dry-run", Default: "false"},
		{Name: "timeout", Default: "30m"},
	}
}

// maxFileBytes bounds a file that an input names: a trusted root or a signing config.
const maxFileBytes = 4 << 20

// reader reads inputs from the environment and collects what is wrong with them, so that
// one run tells the user everything.
type reader struct {
	getenv    func(string) string
	workspace string
	defaults  map[string]string
	mistakes  []mistake
}

// mistake is one wrong input and the line that would be right.
type mistake struct{ input, why, fix string }

func newReader(getenv func(string) string) *reader {
	r := &reader{getenv: getenv, workspace: getenv("GITHUB_WORKSPACE"), defaults: map[string]string{}}
	for _, in := range Inputs() {
		if !strings.HasPrefix(in.Default, "${{") {
			r.defaults[in.Name] = in.Default
		}
	}
	return r
}

// text is the trimmed value of an input, or its default. The runner hands an input to a
// container as INPUT_NAME, upper case, with its hyphens.
func (r *reader) text(input string) string {
	v := strings.TrimSpace(r.getenv("INPUT_" + strings.ToUpper(input)))
	if v == "" {
		return r.defaults[input]
	}
	return v
}

func (r *reader) wrong(input, why, fix string) {
	r.mistakes = append(r.mistakes, mistake{input: input, why: why, fix: fix})
}

// problem is nil if every input was right.
func (r *reader) problem() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	why := make([]string, len(r.mistakes))
	fix := make([]string, len(r.mistakes))
	for i, m := range r.mistakes {
		why[i] = fmt.Sprintf("%s: %s", m.input, m.why)
		fix[i] = "  " + m.fix
	}
	what := "The inputs of this step have a mistake."
	if n := len(r.mistakes); n > 1 {
		what = fmt.Sprintf("The inputs of this step have %d mistakes.", n)
	}
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: what,
		Why:  strings.Join(why, "\n"),
		Fix:  "Write below `with:` of the step\n" + strings.Join(fix, "\n"),
	}
}

// flag reads a boolean as GitHub's toolkit does: true, True, TRUE and the same for false.
func (r *reader) flag(input string) bool {
	switch v := r.text(input); v {
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	default:
		r.wrong(input, quote(v)+" is neither true nor false", input+": "+r.defaults[input])
		return false
	}
}

// list splits an input at line breaks and commas.
func (r *reader) list(input string) []string {
	split := func(c rune) bool { return c == '\n' || c == ',' || c == '\r' }
	var out []string
	for _, item := range strings.FieldsFunc(r.text(input), split) {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

const maxTimeout = 6 * time.Hour // GitHub ends a job of its hosted runners after that

func (r *reader) timeout(input string) time.Duration {
	v := r.text(input)
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Second || d > maxTimeout {
		r.wrong(input, quote(v)+" is not a time between 1s and 6h", input+": "+r.defaults[input])
	}
	return d
}

// serviceURL reads an http(s) URL without credentials, query or trailing slash; nil if
// the input is empty.
func (r *reader) serviceURL(input string) *url.URL {
	v := r.text(input)
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err == nil && u.User != nil {
		r.wrong(input, "it has a user name or password in it, which would get into logs", input+": "+u.Scheme+"://"+u.Host+u.Path)
		return nil
	}
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") ||
		u.RawQuery != "" || u.Fragment != "" {
		shown := quote(v)
		if strings.Contains(v, "@") { // a password may stand before it
			shown = "it"
		}
		r.wrong(input, shown+" is not the URL of a service", input+": https://"+strings.TrimSuffix(input, "-url")+".example.com")
		return nil
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u
}

// file reads the file that an input names, relative to the workspace; nil if the input
// is empty.
func (r *reader) file(input string) []byte {
	v := r.text(input)
	if v == "" {
		return nil
	}
	path := v
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.workspace, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		r.wrong(input, "there is no file "+quote(v)+" in the workspace", input+": path/to/file.json   # relative to the workspace, checked out before this step")
		return nil
	case !info.Mode().IsRegular() || info.Size() > maxFileBytes:
		r.wrong(input, quote(v)+" is not a file of at most 4 MiB", input+": path/to/file.json")
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.wrong(input, quote(v)+" cannot be read: "+err.Error(), input+": path/to/file.json")
	}
	return content
}

// folder reads a path that must lie below the workspace and makes it relative to it.
func (r *reader) folder(input string) string {
	v := r.text(input)
	path := filepath.Clean(v)
	if filepath.IsAbs(path) {
		if rel, err := filepath.Rel(r.workspace, path); err == nil {
			path = rel
		}
	}
	if path == "." || !filepath.IsLocal(path) {
		r.wrong(input, quote(v)+" is not a folder below the workspace", input+": "+r.defaults[input])
		return r.defaults[input]
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.wrong(input, quote(v)+" has characters that the outputs of a step cannot carry: only printable ASCII can be in it", input+": "+r.defaults[input])
	}
	return filepath.ToSlash(path)
}

// quote shows foreign text on one line, shortened.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
