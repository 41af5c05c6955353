package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxAnnotations = 100

var annotationKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`)

// annotations reads lines of key=value; nil if there are none.
func (r *reader) annotations() map[string]string {
	const (
		input   = "annotations"
		example = "annotations: org.opencontainers.image.revision=${{ github.sha }}"
	)
	lines := r.lines(input)
	if len(lines) == 0 {
		return nil
	}
	if len(lines) > maxAnnotations {
		r.wrong(input, fmt.Sprintf("it has %d lines, and at most %d can be signed", len(lines), maxAnnotations), example)
		return nil
	}
	out := make(map[string]string, len(lines))
	for _, line := range lines {
		key, value, ok := strings.Cut(line, "=")
		_, twice := out[key]
		switch {
		case !ok:
			r.wrong(input, quote(line)+" is not key=value", example)
		case !annotationKey.MatchString(key):
			r.wrong(input, quote(key)+" is not a key: at most 100 letters, digits and . _ / -, a letter or digit first", example)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			r.wrong(input, "the value of "+key+" has control characters, or is not UTF-8", example)
		case twice:
			r.wrong(input, key+" is there twice", example)
		}
		out[key] = value
	}
	return out
}
