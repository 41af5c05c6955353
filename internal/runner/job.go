// Package runner speaks with the GitHub Actions runner: sections and annotations of the
// log, masks, outputs, the summary file, the OIDC token, and files in the workspace.
//
// Everything that comes from elsewhere (the registry, the image, Sigstore) is escaped
// before it reaches a line of the log: the runner executes commands that it finds there.
package runner

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	actions "github.com/sethvargo/go-githubactions"

	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

// Job is the job that this process is a step of.
type Job struct {
	getenv func(string) string
	out    *veil
	action *actions.Action
	masker *actions.Action // writes past the veil
	log    *slog.Logger
	step   string // title of the open section
	took   []Timing
	notes  []string
}

// New returns the job that getenv describes; its log goes to out. It reads no file.
func New(getenv func(string) string, out io.Writer) *Job {
	v := &veil{out: out}
	j := &Job{
		getenv: getenv,
		out:    v,
		action: actions.New(actions.WithWriter(v), actions.WithGetenv(getenv)),
		masker: actions.New(actions.WithWriter(out), actions.WithGetenv(getenv)),
	}
	h := &handler{out: v, debug: getenv("RUNNER_DEBUG") == "1", prefixes: words}
	if j.inActions() {
		h.prefixes, h.commands = prefixes, true
	}
	j.log = slog.New(h)
	return j
}

// UseHTTP makes the job's requests, of which there is one kind, go through rt.
func (j *Job) UseHTTP(rt http.RoundTripper) {
	j.action = actions.New(actions.WithWriter(j.out), actions.WithGetenv(j.getenv),
		actions.WithHTTPClient(&http.Client{Transport: rt, CheckRedirect: noRedirect}))
}

// noRedirect keeps the request token on the host that it was given for.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Log writes to the job's log: Debug is seen with debug logging only, Warn and Error
// become annotations.
func (j *Job) Log() *slog.Logger { return j.log }

// Mask has each secret replaced in the log from here on, by us and by the runner. Without a
// runner the command would only print it. Values that are too short to be a secret would make the
// log unreadable and are left alone.
func (j *Job) Mask(secrets ...secret.String) {
	const shortest = 4
	for _, s := range secrets {
		for line := range strings.Lines(s.Reveal()) {
			line = strings.TrimSpace(line)
			if len(line) < shortest {
				continue
			}
			if j.inActions() {
				j.masker.AddMask(line)
			}
			j.out.add(line)
		}
	}
}

// MaskVariables masks what these variables of the environment hold.
func (j *Job) MaskVariables(names ...string) {
	for _, name := range names {
		j.Mask(secret.New(j.getenv(name)))
	}
}

// Timing is how long a section of the log took.
type Timing struct {
	Step string // title of the section
	Took time.Duration
}

// Step opens a section of the log; the returned func closes it. Sections do not nest. While it
// is open, a line every 15 s says how far it is; far may be nil, and is called at any moment.
func (j *Job) Step(title string, far func() string) (done func()) {
	j.step = title
	j.open(title)
	start := time.Now()
	stop := j.heartbeat(title, far)
	return func() {
		stop()
		j.took = append(j.took, Timing{Step: title, Took: time.Since(start)})
		j.end()
	}
}

// Timings are those of the sections that are closed, in their order.
func (j *Job) Timings() []Timing { return slices.Clone(j.took) }

// CheckFiles makes sure that the outputs and the summary can be written, before work is
// done that would be lost.
func (j *Job) CheckFiles() error {
	var names []string
	var all error
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"} {
		switch err := j.usable(name); {
		case err == nil:
			continue
		case all == nil:
			all = fmt.Errorf("%s: %w", name, err)
		default:
			all = fmt.Errorf("%w; %s: %w", all, name, err)
		}
		names = append(names, name)
	}
	if all == nil {
		return nil
	}
	return runnerFiles(strings.Join(names, ", "), all)
}

// usable is nil if a file can be appended to or, for the workspace, if it is a folder.
func (j *Job) usable(name string) error {
	path := j.getenv(name)
	if path == "" {
		return errors.New("it is not set")
	}
	if name != "GITHUB_WORKSPACE" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", info.Name())
	}
	return err
}

func runnerFiles(names string, err error) error {
	return &problem.Problem{
		Code: problem.RunnerFiles,
		What: fmt.Sprintf("What the runner has behind %s cannot be used.", names),
		Why:  "The runner mounts it into the container of an action; it is missing or not writable here.",
		Fix:  "Run the action by `uses:` in a workflow, on a Linux runner with Docker. To try it by hand, set GITHUB_OUTPUT, GITHUB_STEP_SUMMARY and GITHUB_WORKSPACE to two files and a folder that exist.",
		Err:  err,
	}
}

// notWritten is a file that could be opened.
func notWritten(name string, err error) error {
	return &problem.Problem{
		Code: problem.RunnerFiles,
		What: fmt.Sprintf("The runner's file behind %s cannot be written.", name),
		Why:  "The system says: " + err.Error() + ".",
		Fix:  "Free space in a step before, or use a runner with a larger disk, and run the job again.",
		Err:  err,
	}
}

var (
	outputName  = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	outputValue = regexp.MustCompile(`^[\x20-\x7e]*$`)
)

// SetOutputs writes all outputs of the step, by name, or none. A value is one line of
// printable ASCII: the file's syntax has a delimiter that a value must not forge.
func (j *Job) SetOutputs(outputs map[string]string) error {
	for name, value := range outputs {
		if !outputName.MatchString(name) || !outputValue.MatchString(value) || strings.Contains(value, "FileCommandDelimeter") {
			return fmt.Errorf("output %s: %q cannot be written as one line", name, value)
		}
	}
	err := written("GITHUB_OUTPUT", func() {
		for _, name := range slices.Sorted(maps.Keys(outputs)) {
			j.action.SetOutput(name, outputs[name])
		}
	})
	if err != nil {
		// The file is this step's alone: no output is better than some.
		return errors.Join(err, os.Truncate(j.getenv("GITHUB_OUTPUT"), 0))
	}
	return nil
}

// AddSummary appends Markdown to the summary of the step, all of it or nothing. GitHub drops a
// summary of more than 1 MiB as a whole.
func (j *Job) AddSummary(markdown string) error {
	const name = "GITHUB_STEP_SUMMARY"
	before, err := os.Stat(j.getenv(name))
	if err != nil {
		return runnerFiles(name, err)
	}
	if err := written(name, func() { j.action.AddStepSummary(markdown) }); err != nil {
		return errors.Join(err, os.Truncate(j.getenv(name), before.Size()))
	}
	return nil
}

// written turns the panic with which the library reports a failed write into an error.
func written(file string, write func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = notWritten(file, fmt.Errorf("write: %v", r))
		}
	}()
	write()
	return nil
}

// Note adds a line to what Finish says of a failure.
func (j *Job) Note(text string) {
	if text != "" {
		j.notes = append(j.notes, text)
	}
}

// outside is said below a failure where there is no runner.
const outside = "This is no job of GitHub Actions: an input is a variable here, such as INPUT_IMAGE. `seal-image --help` says what else is one."

// Finish reports how the run ended and returns the exit status. A failure becomes one
// annotation, and a section with the whole chain of errors.
func (j *Job) Finish(err error) int {
	if err == nil {
		return 0
	}
	if !j.inActions() {
		j.Note(outside)
	}
	p := problem.From(err)
	j.annotate(slog.LevelError, p, j.notes...)
	j.open("Details")
	j.details(p, err)
	j.end()
	return problem.Exit(err)
}

// Warn is what Finish does of a failure, for one that does not end the run.
func (j *Job) Warn(err error) {
	p := problem.From(err)
	j.annotate(slog.LevelWarn, p)
	j.details(p, err)
}

func (j *Job) details(p *problem.Problem, err error) {
	fmt.Fprintf(j.out, "code: %s\n", p.Code)
	if j.step != "" {
		fmt.Fprintf(j.out, "step: %s\n", Escape(j.step))
	}
	fmt.Fprintf(j.out, "error: %s\nhelp: %s\n", Escape(err.Error()), j.help(p.Code))
}

// help is where a document explains the code, in the repository that `uses:` names. HEAD is its
// default branch.
func (j *Job) help(code problem.Code) string {
	document := "docs/troubleshooting.md#" + string(code)
	repository := j.getenv("GITHUB_ACTION_REPOSITORY")
	if repository == "" {
		return document
	}
	return Escape(j.getenv("GITHUB_SERVER_URL") + "/" + repository + "/blob/HEAD/" + document)
}
