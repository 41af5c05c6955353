package runner

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine bounds a line of foreign text.
const maxLine = 2 << 10

// Escape makes foreign text safe for one line of the log: no control characters (the
// runner takes a carriage return for a line break), no invalid UTF-8, and nothing that it
// would execute, which is "::command::" at the start of a line and "##[command]" anywhere.
// Source: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
func Escape(s string) string {
	var b strings.Builder
	i := 0
	for i < len(s) && b.Len() < maxLine {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || (r >= 0x7f && r <= 0x9f) || r == '\u2028' || r == '\u2029' || invisible(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	out := b.String()
	if i < len(s) {
		out += "…"
	}
	out = strings.ReplaceAll(out, "##[", "## [")
	// The runner trims whatever Unicode calls a space, U+00A0 among them.
	if trimmed := strings.TrimLeftFunc(out, unicode.IsSpace); strings.HasPrefix(trimmed, "::") {
		out = ": :" + trimmed[2:]
	}
	return out
}

// invisible reports whether r is not shown itself: bidirectional controls, zero-width
// characters, soft hyphens, variation selectors. They change how their neighbours are
// shown, and the runner's comparison passes over them when it looks for a command.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// escapeLines escapes each line of a text whose line breaks are ours.
func escapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Escape(line)
	}
	return strings.Join(lines, "\n")
}
