package config

import (
	"fmt"
	"slices"
	"strings"

	"seal-image/internal/problem"
)

// An Input is one that action.yml declares.
type Input struct {
	Name    string
	Default string // empty: none, or one that only the runner knows
}

// reader reads inputs from the environment and collects what is wrong with them, so that
// one run tells the user everything.
type reader struct {
	getenv    func(string) string
	workspace string
	defaults  map[string]string
	digests   digestSource
	mistakes  []mistake
}

// digestSource is where a workflow has the digest from, for the lines that would be right.
type digestSource struct{ expression, comment string }

// pushed is the digest in the job that seals.
var pushed = digestSource{"${{ steps.push.outputs.digest }}", "`push` is the id of the step that pushed"}

// mistake is one wrong input and the line that would be right.
type mistake struct{ input, why, fix string }

// newReader returns the reader of an action that declares these inputs.
func newReader(getenv func(string) string, declared []Input, digests digestSource) *reader {
	r := &reader{getenv: getenv, workspace: getenv("GITHUB_WORKSPACE"), defaults: map[string]string{}, digests: digests}
	for _, in := range declared {
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

// wrong records a mistake; a second time it says nothing new.
func (r *reader) wrong(input, why, fix string) {
	m := mistake{input: input, why: why, fix: fix}
	if !slices.Contains(r.mistakes, m) {
		r.mistakes = append(r.mistakes, m)
	}
}

// mistaken reports whether a mistake of this input is known. What follows from a wrong
// value would be a false accusation.
func (r *reader) mistaken(input string) bool {
	return slices.ContainsFunc(r.mistakes, func(m mistake) bool { return m.input == input })
}

// problem is nil if every input was right.
func (r *reader) problem() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	var why, fix []string
	for _, m := range r.mistakes {
		why = append(why, m.input+": "+m.why)
		if line := "  " + m.fix; !slices.Contains(fix, line) {
			fix = append(fix, line)
		}
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
