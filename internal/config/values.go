package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// flag reads a boolean as GitHub's toolkit does: true, True, TRUE and the same for false.
func (r *reader) flag(input string) bool {
	switch v := r.text(input); v {
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	default:
		r.wrong(input, quote(v)+" is neither true nor false", input+": "+cmp.Or(r.defaults[input], "true"))
		return false
	}
}

// withToken reads a flag that needs GitHub's API.
func (r *reader) withToken(input string) bool {
	on := r.flag(input)
	if on && r.text("github-token") == "" {
		r.wrong("github-token", "it is empty, and "+input+" calls GitHub's API with it", "github-token: ${{ github.token }}   # or leave it out")
	}
	return on
}

// choice reads one of a few words; on a mistake it is the default.
func (r *reader) choice(input string, words ...string) string {
	v := r.text(input)
	if !slices.Contains(words, v) {
		r.wrong(input, quote(v)+" is none of "+strings.Join(words, ", "), input+": "+r.defaults[input])
		return r.defaults[input]
	}
	return v
}

// choices reads a list of a few words: those that are right, in its order, each once.
func (r *reader) choices(input string, words ...string) []string {
	var out []string
	for _, item := range r.list(input) {
		switch {
		case !slices.Contains(words, item):
			r.wrong(input, quote(item)+" is none of "+strings.Join(words, ", "), input+": "+r.defaults[input])
		case !slices.Contains(out, item):
			out = append(out, item)
		}
	}
	return out
}

// list splits an input at line breaks and commas.
func (r *reader) list(input string) []string { return fields(r.text(input), "\n\r,") }

// lines splits an input at line breaks alone.
func (r *reader) lines(input string) []string { return fields(r.text(input), "\n\r") }

// fields are the trimmed parts of s between any of the characters of cuts, without empty ones.
func fields(s, cuts string) []string {
	var out []string
	for _, item := range strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(cuts, c) }) {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

const maxTimeout = 6 * time.Hour // GitHub ends a job of its hosted runners after that

func (r *reader) timeout(input string) time.Duration {
	d, ok := r.duration(input)
	if !ok || d < time.Second {
		r.wrong(input, quote(r.text(input))+" is not a time between 1s and 6h", input+": "+r.defaults[input])
	}
	return d
}

// wait is a timeout that may be none at all.
func (r *reader) wait(input string) time.Duration {
	d, ok := r.duration(input)
	if !ok || (d != 0 && d < time.Second) {
		r.wrong(input, quote(r.text(input))+" is neither 0 nor a time between 1s and 6h", input+": "+r.defaults[input])
	}
	return d
}

func (r *reader) duration(input string) (d time.Duration, ok bool) {
	d, err := time.ParseDuration(r.text(input))
	return d, err == nil && d <= maxTimeout
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
		bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath} // its text is escaped, one line
		r.wrong(input, "it has a user name or password in it, which would get into logs", input+": "+bare.String())
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

// typed is a value as it can stand in a workflow: in quotes, which YAML reads as Go does, where some of
// it would not be seen.
func typed(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return s
	}
	return strconv.Quote(s)
}

// quote shows foreign text on one line, shortened.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
