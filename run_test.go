package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"seal-image/internal/harness"
)

// stepRun is one run of an action.
type stepRun struct {
	program string
	args    []string // of the container
	runner  *harness.Runner
	inputs  map[string]string
	exit    int  // wanted
	twice   bool // it was signalled twice, and cleans up nothing
	cmd     *exec.Cmd
	stdout  signaller
	stderr  bytes.Buffer
}

// seal [-exit N] [-signal NAME LINE] [-program NAME] [-start NAME] input=value ... VARIABLE=value ...: runs
// the action as the runner would. Names in lower case are inputs, names in upper case are
// variables of the job; VARIABLE= takes one away. The sandbox's TUF repository is the
// default trust. With -signal, the process gets INT or TERM when its log has LINE. With
// -start, the run goes on in the background, on a runner of its own, until `finish NAME`. -program
// is one that starts the action in its way; see TestMain.
//
// What holds after every run is in judge.
func runSeal(ts *testscript.TestScript, neg bool, args []string) { runStep(ts, neg, args) }

// verify [-exit N] ... input=value ... VARIABLE=value ...: seal for the verify action.
func runVerify(ts *testscript.TestScript, neg bool, args []string) { runStep(ts, neg, args, "verify") }

func runStep(ts *testscript.TestScript, neg bool, args []string, container ...string) {
	s := of(ts)
	if neg {
		ts.Fatalf("use: seal -exit N")
	}
	r := &stepRun{program: "seal-image", runner: s.runner, args: container}
	background := ""
	if len(args) > 1 && args[0] == "-exit" {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		r.exit, args = n, args[2:]
	}
	if len(args) > 2 && args[0] == "-signal" {
		r.stdout.signal = map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[1]]
		r.stdout.line, args = args[2], args[3:]
	}
	if len(args) > 1 && args[0] == "-program" {
		r.program, args = args[1], args[2:]
	}
	if len(args) > 1 && args[0] == "-start" {
		runner, err := newRunner(filepath.Join(ts.Getenv("WORK"), "runner-"+args[1]), s.job)
		ts.Check(err)
		r.runner, background, args = runner, args[1], args[2:]
	}
	r.start(ts, s, args)
	if background == "" {
		r.finish(ts, s)
		return
	}
	s.background[background] = r
}

// finish NAME: waits for the run that `seal -start NAME` began, and judges it.
func finish(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) != 1 || s.background[args[0]] == nil {
		ts.Fatalf("usage: finish NAME, after seal -start NAME")
	}
	s.background[args[0]].finish(ts, s)
	delete(s.background, args[0])
}

func (r *stepRun) start(ts *testscript.TestScript, s *script, args []string) {
	r.inputs = map[string]string{"tuf-url": s.job.TUFURL, "tuf-root": s.job.TUFRoot}
	variables := []string{
		"RUNNER_DEBUG=1",          // the log of the requests is looked through as well
		"TMPDIR=" + r.runner.Temp, // what libraries leave behind is found
	}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			ts.Fatalf("%q is neither input=value nor VARIABLE=value", arg)
		case name == strings.ToLower(name):
			r.inputs[name] = strings.ReplaceAll(value, `\n`, "\n")
		default:
			variables = append(variables, arg)
		}
	}
	ts.Check(os.WriteFile(r.runner.Output, nil, 0o644))
	ts.Check(os.WriteFile(r.runner.Summary, nil, 0o644))
	r.cmd = exec.Command(r.program, r.args...)
	r.cmd.Env = withVariables(r.runner.Environment(r.inputs), variables)
	r.cmd.Dir = r.runner.Workspace
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	ts.Check(r.cmd.Start())
	r.stdout.process.Store(r.cmd.Process)
}

func (r *stepRun) finish(ts *testscript.TestScript, s *script) {
	err := r.cmd.Wait()
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit {
		ts.Check(err)
	}
	s.stdout = r.stdout.text.String()
	fmt.Fprint(ts.Stdout(), masked.ReplaceAllString(s.stdout, "::add-mask::***\n"))
	fmt.Fprint(ts.Stderr(), r.stderr.String())
	if got := r.cmd.ProcessState.ExitCode(); got != r.exit {
		ts.Fatalf("exit status %d, want %d", got, r.exit)
	}
	s.judge(ts, r)
}

// signaller keeps what is written to it, and signals the process at a line.
type signaller struct {
	text    bytes.Buffer
	signal  os.Signal
	line    string
	process atomic.Pointer[os.Process]
}

func (s *signaller) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if process := s.process.Load(); process != nil && s.signal != nil && strings.Contains(s.text.String(), s.line) {
		signal := s.signal
		s.signal = nil
		return n, errors.Join(err, process.Signal(signal))
	}
	return n, err
}

// withVariables replaces variables; an empty value removes one.
func withVariables(env, variables []string) []string {
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		if value != "" {
			env = append(env, v)
		}
	}
	return env
}

// token [QUERY]: lets the programs of the script, such as cosign, have tokens of the job.
// QUERY changes claims of them, e.g. claim.repository=acme/other.
func token(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: token [QUERY]")
	}
	job := of(ts).job
	ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", strings.Join(append([]string{job.IDTokenRequestURL}, args...), "&"))
	ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", job.IDTokenRequestToken)
}
