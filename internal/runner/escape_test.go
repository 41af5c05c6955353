package runner_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"seal-image/internal/harness"
	"seal-image/internal/runner"
)

// commands are the lines that the runner would execute.
func commands(output string) (lines []string) {
	for _, c := range harness.Commands(output) {
		lines = append(lines, c.Line)
	}
	return lines
}

// faults: F56
func TestEscape(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"empty":                 {"", ""},
		"plain":                 {"resolved  digest=sha256:ab 100 %", "resolved  digest=sha256:ab 100 %"},
		"other scripts":         {"Größe 尺寸 🚀", "Größe 尺寸 🚀"},
		"double colon within":   {"a::b", "a::b"},
		"command":               {"::add-mask::x", ": :add-mask::x"},
		"command after spaces":  {"   ::error::x", ": :error::x"},
		"command after U+00A0":  {"\u00a0::error::x", ": :error::x"},
		"command after U+3000":  {" \u3000 ::error::x", ": :error::x"},
		"command after tab":     {"\t::error::x", `\u0009::error::x`},
		"command on a new line": {"a\n::error::x", `a\n::error::x`},
		"carriage return":       {"a\r::error::x", `a\u000d::error::x`},
		"CRLF":                  {"a\r\nb", `a\u000d\nb`},
		"old command":           {"a ##[error]x", "a ## [error]x"},
		"old command twice":     {"##[##[error]x", "## [## [error]x"},
		"more number signs":     {"####[error]x", "#### [error]x"},
		"soft hyphen":           {"\u00ad::error::x", `\u00ad::error::x`},
		"zero width":            {"#\u200b#[error]x", `#\u200b#[error]x`},
		"variation selector":    {"#\ufe0f#[error]x", `#\ufe0f#[error]x`},
		"tag character":         {"\U000e0001::error::x", `\ue0001::error::x`},
		"bidirectional":         {"a\u202eb", `a\u202eb`},
		"terminal":              {"\x1b[31mred\x7f", `\u001b[31mred\u007f`},
		"C1 control":            {"a\u009bb\u0085c", `a\u009bb\u0085c`},
		"line separator":        {"a\u2028b", `a\u2028b`},
		"invalid UTF-8":         {"a\xff\xc3(b", `a\xff\xc3(b`},
		"replacement character": {"a\ufffdb", "a\ufffdb"},
		"NUL":                   {"\x00::error::x", `\u0000::error::x`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runner.Escape(tt.in)
			if got != tt.want {
				t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if found := commands(got); found != nil {
				t.Errorf("the runner would execute %q", found)
			}
		})
	}
}

func TestEscapeBound(t *testing.T) {
	t.Parallel()
	short := strings.Repeat("x", 2000)
	if got := runner.Escape(short); got != short {
		t.Errorf("a text of %d bytes is cut to %d", len(short), len(got))
	}
	long := runner.Escape(strings.Repeat("x", 1<<20))
	if len(long) > 2100 || !strings.HasSuffix(long, "…") {
		t.Errorf("a text of 1 MiB becomes %d bytes that end with %q", len(long), long[len(long)-4:])
	}
}

// maxEscaped is above what Escape returns for the worst text, all "##[".
const maxEscaped = 3 << 10

// FuzzEscape: whatever comes in, the runner finds no command in what comes out, which is
// one line of valid text, of bounded length, and stays as it is when escaped again.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{
		"", "plain", "::add-mask::x", " \u00a0\u2003::x::", "##[group]", "####[[x]", "a\r\n::x::", "\u00ad::error::",
		"\xff\xfe", "\u2028::x::", ": :x", strings.Repeat("##[", 1000), strings.Repeat("\x00", 3000), "#\u2060#[x]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := runner.Escape(s)
		if found := commands(got); found != nil {
			t.Errorf("Escape(%q): the runner would execute %q", s, found)
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
			t.Errorf("Escape(%q) = %q, not one line of text", s, got)
		}
		if len(got) > maxEscaped {
			t.Errorf("Escape of %d bytes gives %d", len(s), len(got))
		}
		if again := runner.Escape(got); len(got) < 2048 && again != got {
			t.Errorf("Escape(%q) = %q, and again %q", s, got, again)
		}
	})
}
