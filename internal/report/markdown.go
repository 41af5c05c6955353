package report

import (
	"strings"
)

// text escapes what Markdown and HTML would take for markup.
func text(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]()#+-!|~@", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func paragraphs(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = text(line)
	}
	return strings.Join(lines, "  \n")
}

// code is an inline code span, also within a table.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "¦").Replace(oneLine(s)) + "`"
}

// fenced is text within a fenced block: it cannot close it.
func fenced(s string) string { return strings.ReplaceAll(s, "```", "'''") }

// link is the target of a link in angle brackets.
func link(s string) string {
	return strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "\n", "", "\r", "").Replace(s)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// bounded cuts at a line.
func bounded(s string) string {
	if len(s) <= maxSummary {
		return s
	}
	cut := strings.LastIndexByte(s[:maxSummary], '\n')
	return s[:cut+1] + "\nThe rest is in `" + ResultsFile + "`.\n"
}
