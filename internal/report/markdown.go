package report

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// maxShown bounds foreign text in a line, in characters.
const maxShown = 512

// text is foreign text for a line of prose or a cell of a table: no markup of Markdown or
// HTML, no address that becomes a link, no mention, issue or formula. GitHub looks for the
// last three in what a document shows, where a backslash no longer helps; an element between
// the sign and its word does.
// Source: https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/writing-mathematical-expressions
func text(s string) string {
	var b strings.Builder
	number := true // so far: with a dot, it would begin a list
	for _, r := range shown(s) {
		switch {
		case r == '.' && number:
			b.WriteString(`\.`)
		case strings.ContainsRune("<>&", r):
			b.WriteString(html.EscapeString(string(r)))
		case strings.ContainsRune("@#$", r):
			b.WriteString("<span>" + string(r) + "</span>")
		case strings.ContainsRune("\\`*_{}[]()+-=!|~", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		number = number && unicode.IsDigit(r)
	}
	return addresses.ReplaceAllStringFunc(b.String(), broken)
}

// addresses are what becomes a link.
var addresses = regexp.MustCompile(`://|(?i:www)\.`)

// broken is one that does not.
func broken(address string) string {
	if address == "://" {
		return `\://`
	}
	return address[:len("www")] + `\.`
}

// code is an inline code span, also within a table.
func code(s string) string {
	s = strings.NewReplacer("`", "'", "|", "¦").Replace(shown(s))
	if strings.TrimSpace(s) == "" {
		return "–"
	}
	return "`" + s + "`"
}

// htmlText is foreign text within an element of HTML.
func htmlText(s string) string {
	return "<code>" + html.EscapeString(shown(s)) + "</code>"
}

// maxProse bounds the text of an error, in bytes.
const maxProse = 128 << 10

// paragraphs keeps the lines of a text; those that would be too much are counted.
func paragraphs(s string) string {
	var b strings.Builder
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if b.Len() > maxProse {
			b.WriteString("  \n" + more(len(lines)-i))
			break
		}
		if i > 0 {
			b.WriteString("  \n")
		}
		b.WriteString(text(strings.TrimSpace(line)))
	}
	return b.String()
}

// fenced is a block of code that its content cannot close.
func fenced(language, content string) string {
	if len(content) > maxProse {
		content = strings.ToValidUTF8(content[:maxProse], "") + "\n…"
	}
	fence := "```"
	for strings.Contains(content, fence) && len(fence) < maxFence {
		fence += "`"
	}
	content = strings.ReplaceAll(content, fence, strings.Repeat("'", len(fence)))
	return fence + language + "\n" + strings.Map(visible, content) + "\n" + fence + "\n"
}

// maxFence bounds the row of backticks around code, in which a longer one is changed.
const maxFence = 8

// visible keeps line breaks and tabs.
func visible(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	return seen(r)
}

// link shows text that is Markdown already and leads to a page; what is no address of one is
// not linked.
func link(shown, target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return shown
	}
	return "[" + shown + "](<" + strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "`", "%60", `\`, "%5C", " ", "%20").Replace(u.String()) + ">)"
}

// shown is s in one line of limited length, without what changes how its neighbours look.
func shown(s string) string {
	s = strings.Map(seen, s)
	if runes := []rune(s); len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return s
}

// seen replaces control characters, line breaks among them, by a space, and what is not seen
// itself, such as a change of direction, by a sign that there was something.
func seen(r rune) rune {
	switch {
	case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
		return ' '
	case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return unicode.ReplacementChar
	}
	return r
}

// folded is a part that the reader opens. The title is HTML.
func folded(title, content string) string {
	if content == "" {
		return ""
	}
	return "<details><summary>" + title + "</summary>\n\n" + strings.TrimRight(content, "\n") + "\n\n</details>\n\n"
}

// bounded cuts at a line.
func bounded(s string) string {
	if len(s) <= maxSummary {
		return s
	}
	return s[:strings.LastIndexByte(s[:maxSummary], '\n')+1]
}
