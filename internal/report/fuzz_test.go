package report

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// ours are the forms in which what is special may stand in a text: after a backslash, alone in an
// element, and as an entity. What is left must mean nothing to Markdown, HTML or GitHub.
var (
	ours    = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]|<span>[@#$]</span>|&(?:lt|gt|amp);")
	special = regexp.MustCompile("[<>&@#$`*_{}()\\[\\]+=!|~\\\\\n\r\u2028\u2029-]|://|(?i:www\\.)|^\\d+[.)]")
)

// FuzzMarkdown: whatever a text is, a line of prose has no markup of it, a piece of code does not
// end before its end, and an address leads nowhere but to a page.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"", "plain", "</details><script>", "| a | b |", "``` ``", "a\r\n# b", "::add-mask::x", "[a](javascript:alert(1))", "![x](https://x)", "@octocat #1 $x$", "\\", "\\\\<b>",
		"1. a", "１. a", "9)", "WwW.evil.dev", "https://evil.dev", "\x1b[31m\u202e\u2028\xff", strings.Repeat("`", 20), "~~~", "&lt;script&gt;", "a\n\n    code", "<!--", "---", "=",
		"https://x/|>`<b>", "https://[::1]/\"onload=x", "HTTPS://x/ y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if left := ours.ReplaceAllString(text(s), "x"); special.MatchString(left) {
			t.Errorf("text(%q) = %q, of which %q is special", s, text(s), special.FindString(left))
		}
		if got := code(s); got != "–" && (strings.Count(got, "`") != 2 || got[0] != '`' || got[len(got)-1] != '`' || strings.ContainsAny(got, "|\n\r\u2028")) {
			t.Errorf("code(%q) = %q", s, got)
		}
		if got := htmlText(s); strings.Count(got, "<") != 2 || strings.ContainsAny(got, "\n\r\u2028") {
			t.Errorf("htmlText(%q) = %q", s, got)
		}
		got := link("x", s)
		if target, linked := strings.CutPrefix(got, "[x](<"); linked {
			target = strings.TrimSuffix(target, ">)")
			if !strings.HasPrefix(target, "http") || strings.ContainsFunc(target, func(r rune) bool { return strings.ContainsRune("<>|`\\ ", r) || unicode.IsControl(r) }) {
				t.Errorf("link(%q) = %q", s, got)
			}
		} else if got != "x" {
			t.Errorf("link(%q) = %q", s, got)
		}
		lines := strings.Split(strings.TrimSuffix(fenced("sh", s), "\n"), "\n")
		fence := strings.TrimSuffix(lines[0], "sh")
		for _, line := range lines[1 : len(lines)-1] {
			if strings.Contains(line, fence) || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
				t.Errorf("fenced(%q) has the line %q within %q", s, line, fence)
			}
		}
	})
}
