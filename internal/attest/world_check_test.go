package attest_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// checkSections: one section of the log is open at a time, and none in the end.
func (w *world) checkSections(t *testing.T) {
	t.Helper()
	open := 0
	for _, c := range w.calls {
		switch {
		case c == "#end":
			open--
		case strings.HasPrefix(c, "# "):
			open++
		}
		if open < 0 || open > 1 {
			t.Fatalf("sections nest: %q", w.calls)
		}
	}
	if open != 0 {
		t.Errorf("a section stays open: %q", w.calls)
	}
}

// checkResult: what a Result says of bundles and attachments goes together.
func checkResult(t *testing.T, res *attest.Result, err error) {
	t.Helper()
	for _, s := range res.Seals {
		if s.Err != nil && err == nil {
			t.Errorf("an image failed with %v, and the run did not", s.Err)
		}
		for _, b := range s.Bundles {
			if b.Statement == nil || len(s.AttachmentsOf(b)) == 0 {
				t.Errorf("the bundle %d belongs nowhere", b.Entry.Index)
			}
		}
		for _, a := range s.Attachments {
			if (a.Bundle == nil) == (a.Document == nil) {
				t.Errorf("an attachment with bundle %v and document %v", a.Bundle, a.Document)
			}
			if a.Bundle != nil && a.Bundle.Statement.About != a.About {
				t.Errorf("the bundle about %s belongs to %s", a.Bundle.Statement.About.Ref, a.About.Ref)
			}
			if err == nil && a.State != attest.New && a.State != attest.Existing && a.State != attest.Skipped {
				t.Errorf("the run succeeded, and an attachment of form %s is %s", a.Form, a.State)
			}
			if a.InRegistry() && a.Manifest.Ref == (name.Digest{}) {
				t.Errorf("an attachment of form %s is somewhere", a.Form)
			}
		}
	}
}

// made are the calls without sections.
func (w *world) made() []string {
	return slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return strings.HasPrefix(c, "#") })
}

// did returns the calls that begin with prefix.
func (w *world) did(prefix string) []string {
	var out []string
	for _, c := range w.calls {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return out
}

// trace is what happened, for a golden file. What is done side by side is sorted; all else is in
// order.
func (w *world) trace() string {
	calls := w.calls
	about := func(call string) string {
		if rest, ok := strings.CutPrefix(call, "verify "); ok {
			return rest
		}
		return strings.Fields(call)[1]
	}
	for i := range calls {
		for _, what := range []string{"catalog ", "load ", "find ", "verify "} {
			end := i
			for end < len(calls) && strings.HasPrefix(calls[end], what) {
				end++
			}
			slices.SortStableFunc(calls[i:end], func(a, b string) int { return cmp.Compare(about(a), about(b)) })
		}
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c == "#end" }), "\n") + "\n"
}

// goldenProblem compares what the user reads with a file of testdata; UPDATE=1 writes it.
func goldenProblem(t *testing.T, file string, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	p := problem.From(err)
	if p.Code == problem.Unexpected {
		t.Fatalf("an error without advice: %v", err)
	}
	golden.Compare(t, "problems/"+file+".txt", fmt.Sprintf("%s\n%s\n%s\n%s\n\nall: %v\n", p.Code, p.What, p.Why, p.Fix, err))
}

// denied is a failure with advice, as adapters make them.
func denied(what string) *problem.Problem {
	return &problem.Problem{Code: problem.RegistryDenied, What: what, Why: "The token may read only.", Fix: "packages: write", Err: errors.New("403 DENIED")}
}
