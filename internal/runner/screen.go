package runner

import (
	"fmt"
	"log/slog"
	"strings"

	"seal-image/internal/problem"
)

// inActions reports whether a runner reads the log, which executes its commands. Elsewhere, as by
// `docker run`, a person reads it as it is.
func (j *Job) inActions() bool { return j.getenv("GITHUB_ACTIONS") == "true" }

// open begins a section of the log.
func (j *Job) open(title string) {
	if j.inActions() {
		j.action.Group(Escape(title))
		return
	}
	fmt.Fprintln(j.out, "== "+Escape(title))
}

// end ends it.
func (j *Job) end() {
	if j.inActions() {
		j.action.EndGroup()
	}
}

// annotate shows a problem, and notes below it. The level is [slog.LevelWarn] or [slog.LevelError].
func (j *Job) annotate(level slog.Level, p *problem.Problem, notes ...string) {
	text := escapeLines(strings.Join(append([]string{p.Why, p.Fix}, notes...), "\n"))
	if !j.inActions() {
		fmt.Fprintf(j.out, "%s%s\n%s\n", words[level], Escape(p.What), indent(text))
		return
	}
	annotation := j.action.WithFieldsMap(map[string]string{"title": Escape(p.What)})
	show := map[slog.Level]func(string, ...any){slog.LevelWarn: annotation.Warningf, slog.LevelError: annotation.Errorf}[level]
	show("%s", text)
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// prefixes give a line of the log its level, as commands of the runner.
// Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
var prefixes = map[slog.Level]string{
	slog.LevelDebug: "::debug::",
	slog.LevelInfo:  "",
	slog.LevelWarn:  "::warning::",
	slog.LevelError: "::error::",
}

// words are the prefixes where no runner reads.
var words = map[slog.Level]string{
	slog.LevelDebug: "debug: ",
	slog.LevelInfo:  "",
	slog.LevelWarn:  "warning: ",
	slog.LevelError: "error: ",
}
