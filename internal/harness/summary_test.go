package harness_test

import (
	"os"
	"path/filepath"
	"testing"

	"seal-image/internal/harness"
)

// TestCheckSummary: what the action writes passes, and what it would be without escapes does not.
func TestCheckSummary(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../report/testdata/summary/*.md")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d summaries, %v", len(files), err)
	}
	for _, file := range files {
		if err := (&harness.Runner{Summary: file}).CheckSummary(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.md")
	for _, text := range []string{"a <script>", "</details>", "<details>", "```sh\nx", "a\x1b[31m", "a\rb", "a\u2028b", "`a` <b>"} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (&harness.Runner{Summary: bad}).CheckSummary(); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}

// TestCheckCommands: the action's own commands pass, and no other.
func TestCheckCommands(t *testing.T) {
	t.Parallel()
	for _, log := range []string{"", "::group::a\nx ::b::\n::endgroup::\n", "::warning title=a::b\n::debug::c", "::add-mask::x", "::group::open"} {
		if err := harness.CheckCommands(log); err != nil {
			t.Errorf("%q: %v", log, err)
		}
	}
	for _, log := range []string{
		"::set-output name=a::b", " ::stop-commands::x", "a ##[error]b", "::add-mask::two words", "::error file=a,line=1::b", "::error title=a,file=b::c",
		"::endgroup::", "::group::a\n::group::b", "a\r::debug::b", "\u00ad::notice::a", "a\x1b[31m", "::group::a\n::endgroup::b", "a\u2028::debug::b", "::",
	} {
		if err := harness.CheckCommands(log); err == nil {
			t.Errorf("%q passes", log)
		}
	}
}
