package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"

	"seal-image/internal/harness"
)

// script is the state of one script.
type script struct {
	tools  *harness.Tools
	job    *harness.Job
	runner *harness.Runner
	digest string // of the image that was pushed last
	stdout string // of the last seal
}

type scriptKey struct{}

func newScript(env *testscript.Env, tools *harness.Tools, job *harness.Job) error {
	runner, err := harness.NewRunner(filepath.Join(env.WorkDir, "github"), job)
	if err != nil {
		return err
	}
	env.Values[scriptKey{}] = &script{tools: tools, job: job, runner: runner}
	repository := "/acme/" + strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	const workflow = "https://github.com/acme/demo/.github/workflows/release.yml@refs/heads/main"
	for name, value := range map[string]string{
		"PATH":            tools.Dir + string(os.PathListSeparator) + env.Getenv("PATH"),
		"HOME":            env.WorkDir,
		"APP":             job.Registry + repository,
		"NOREFERRERS_APP": job.RegistryNoReferrers + repository,
		"LOGIN_APP":       job.RegistryWithLogin + repository,
		"WRITER":          job.RegistryUsername, "WRITER_PASSWORD": job.RegistryPassword,
		"READER": job.RegistryReaderUsername, "READER_PASSWORD": job.RegistryReaderPassword,
		"FULCIO": job.FulcioURL, "REKOR": job.RekorURL,
		"TRUSTED_ROOT": job.TrustedRoot, "SIGNING_CONFIG": job.SigningConfig,
		"ID_TOKEN_REQUEST_URL": job.IDTokenRequestURL,
		"GITHUB":               filepath.Dir(runner.Workspace),
		"WORKSPACE":            runner.Workspace,
		"SUMMARY":              runner.Summary,
		"SAN":                  workflow,
		"ISSUER":               job.Issuer,
	} {
		env.Setenv(name, value)
	}
	return nil
}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// push KIND REF [USER]: puts a test image into a registry and prints its digest. It also
// sets $DIGEST, and $AMD64, $ARM64 ... to the digests of the platforms.
func push(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) < 2 {
		ts.Fatalf("usage: push KIND REF [USER]")
	}
	command := []string{"push"}
	if len(args) == 3 {
		ts.Setenv("PUSH_PASSWORD", s.job.RegistryPassword)
		command = append(command, "-username", args[2], "-password-env", "PUSH_PASSWORD")
	}
	ts.Check(ts.Exec(s.tools.Sandbox, append(command, filepath.Join(s.tools.Images, args[0]), args[1])...))
	image := readImage(ts, args[0])
	s.digest = image.Digest
	ts.Setenv("DIGEST", image.Digest)
	for _, p := range image.Images {
		arch := strings.Split(p.Platform, "/")[1]
		ts.Setenv(strings.ToUpper(arch), p.Digest)
	}
}

// testImage is what the sandbox says of an image that it made.
type testImage struct {
	Digest string `json:"digest"`
	Images []struct {
		Platform string   `json:"platform"`
		Digest   string   `json:"digest"`
		Packages []string `json:"packages"`
	} `json:"images"`
}

func readImage(ts *testscript.TestScript, kind string) testImage {
	content, err := os.ReadFile(filepath.Join(of(ts).tools.Images, kind+".json"))
	ts.Check(err)
	var image testImage
	ts.Check(json.Unmarshal(content, &image))
	return image
}

// seal [-exit N] [-signal NAME LINE] input=value ... VARIABLE=value ...: runs the
// action as the runner would. Names in lower case are inputs, names in upper case are
// variables of the job; VARIABLE= takes one away. The sandbox's TUF repository is the
// default trust. With -signal, the process gets INT or TERM when its log has LINE.
// Whatever the outcome, no secret may appear anywhere; after a failure
// there must be no output.
func runSeal(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg {
		ts.Fatalf("use: seal -exit N")
	}
	want, stop := 0, signaller{}
	if len(args) > 1 && args[0] == "-exit" {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		want, args = n, args[2:]
	}
	if len(args) > 2 && args[0] == "-signal" {
		stop.signal = map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[1]]
		stop.line, args = args[2], args[3:]
	}
	inputs := map[string]string{"tuf-url": s.job.TUFURL, "tuf-root": s.job.TUFRoot, "github-token": "ghs_sandbox0123456789"}
	variables := []string{"RUNNER_DEBUG=1"} // the log of the requests is looked through as well
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			ts.Fatalf("%q is neither input=value nor VARIABLE=value", arg)
		case name == strings.ToLower(name):
			inputs[name] = strings.ReplaceAll(value, `\n`, "\n")
		default:
			variables = append(variables, arg)
		}
	}
	ts.Check(os.WriteFile(s.runner.Output, nil, 0o644))
	ts.Check(os.WriteFile(s.runner.Summary, nil, 0o644))
	var stderr bytes.Buffer
	stdout := &stop
	cmd := exec.Command("seal-image")
	cmd.Env = withVariables(s.runner.Environment(inputs), variables)
	cmd.Dir = s.runner.Workspace
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	ts.Check(cmd.Start())
	stop.process.Store(cmd.Process)
	err := cmd.Wait()
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit {
		ts.Check(err)
	}
	s.stdout = stdout.text.String()
	fmt.Fprint(ts.Stdout(), masked.ReplaceAllString(s.stdout, "::add-mask::***\n"))
	fmt.Fprint(ts.Stderr(), stderr.String())
	s.sweep(ts, inputs, stdout.text.String()+stderr.String())
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	if written, _ := s.runner.Outputs(); want != 0 && len(written) > 0 {
		ts.Fatalf("a failed run has outputs: %v", written)
	}
	if left, err := os.ReadDir(s.runner.Temp); err != nil || len(left) > 0 {
		ts.Fatalf("left in RUNNER_TEMP: %v %v", left, err)
	}
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

// masked are the lines with which the action tells the runner what to mask.
var masked = regexp.MustCompile(`(?m)^::add-mask::.*\n`)

var jwt = regexp.MustCompile(`eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+`)

// sweep looks for secrets in all that the run has left: its log (but for the lines with
// which it tells the runner what to mask), the outputs, the summary and the files.
func (s *script) sweep(ts *testscript.TestScript, inputs map[string]string, log string) {
	secrets := []string{s.job.IDTokenRequestToken, s.job.RegistryPassword, s.job.RegistryReaderPassword, inputs["registry-password"], inputs["github-token"]}
	for _, user := range []string{s.job.RegistryUsername, s.job.RegistryReaderUsername, inputs["registry-username"], "octocat"} {
		for _, password := range secrets[1:5] {
			if user != "" && password != "" { // as they stand in an Authorization header
				secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
			}
		}
	}
	look := func(where, text string) {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				ts.Fatalf("%s contains a secret of the job", where)
			}
		}
		if token := jwt.FindString(text); token != "" {
			ts.Fatalf("%s contains a token", where)
		}
	}
	look("the log", masked.ReplaceAllString(log, ""))
	ts.Check(filepath.WalkDir(filepath.Dir(s.runner.Workspace), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		look(path, string(content))
		return err
	}))
}

// problem prints the annotation of the last seal as the reader sees it: title, then text.
// Addresses are replaced by their names, and temporary ones by their kind.
func showProblem(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) > 0 {
		ts.Fatalf("usage: problem")
	}
	annotations := regexp.MustCompile(`(?m)^::error title=(.*?)::(.*)$`).FindAllStringSubmatch(s.stdout, -1)
	if len(annotations) != 1 {
		ts.Fatalf("the log has %d error annotations, want one", len(annotations))
	}
	data := strings.NewReplacer("%0A", "\n", "%0D", "\r", "%3A", ":", "%2C", ",", "%25", "%")
	fmt.Fprintln(ts.Stdout(), s.names(data.Replace(annotations[0][1])))
	fmt.Fprintln(ts.Stdout(), s.names(data.Replace(annotations[0][2])))
}

var (
	digests    = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	logEntries = regexp.MustCompile(`log entries [0-9, ]+,`)
)

// names replaces what differs from run to run, and from one version of Go to the next.
func (s *script) names(text string) string {
	host := func(url string) string {
		host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		return host
	}
	text = logEntries.ReplaceAllString(text, "log entries N,")
	return digests.ReplaceAllString(strings.NewReplacer(
		cmp.Or(s.digest, "none"), "DIGEST", s.job.RegistryNoReferrers, "REGISTRY", s.job.RegistryWithLogin, "REGISTRY", s.job.Registry, "REGISTRY",
		host(s.job.RekorURL), "REKOR", host(s.job.FulcioURL), "FULCIO", host(s.job.TUFURL), "TUF",
		s.job.RegistryUsername, "WRITER", s.job.RegistryReaderUsername, "READER",
		host(s.job.TSAURL), "TSA", s.runner.Workspace, "WORKSPACE",
	).Replace(text), "sha256:OTHER")
}

// outputs prints the outputs of the last seal and sets a variable for each, e.g. $log_index.
func outputs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: outputs")
	}
	all, err := of(ts).runner.Outputs()
	ts.Check(err)
	for name, value := range all {
		ts.Setenv(strings.ReplaceAll(name, "-", "_"), value)
		fmt.Fprintf(ts.Stdout(), "%s=%s\n", name, value)
	}
}

// referrers REPO@DIGEST: prints artifact type and predicate type of each referrer, sorted.
func referrers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: referrers REPO@DIGEST")
	}
	ref, err := name.NewDigest(args[0])
	ts.Check(err)
	index, err := remote.Referrers(ref)
	ts.Check(err)
	manifest, err := index.IndexManifest()
	ts.Check(err)
	lines := make([]string, 0, len(manifest.Manifests))
	for _, d := range manifest.Manifests {
		lines = append(lines, d.ArtifactType+" "+d.Annotations["dev.sigstore.bundle.predicateType"]+"\n")
	}
	slices.Sort(lines)
	fmt.Fprint(ts.Stdout(), strings.Join(lines, ""))
}

// requests [SERVICE]: prints method, path and status of what this job's servers were
// asked, in order, and forgets it.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	query := ""
	if len(args) == 1 {
		query = "?service=" + args[0]
	}
	answer, err := s.job.Ask(context.Background(), http.MethodGet, "/requests"+query, nil)
	ts.Check(err)
	decoder := json.NewDecoder(bytes.NewReader(answer))
	out := ts.Stdout() // also of nothing: it replaces what the last command printed
	for decoder.More() {
		var r struct {
			Service, Method, Path string
			Status                int
		}
		ts.Check(decoder.Decode(&r))
		fmt.Fprintf(out, "%s %s %s %d\n", r.Service, r.Method, r.Path, r.Status)
	}
	_, err = s.job.Ask(context.Background(), http.MethodDelete, "/requests", nil)
	ts.Check(err)
}

// fault SERVICE STATUS|DELAY|before|after TIMES [METHOD [PATH [FILE]]]: the next TIMES
// requests (0: all) are answered with the status, delayed (e.g. 200ms), or cut before or
// after the server has seen them. PATH is a part of the path; FILE has the answer's body,
// which is an OCI index. Without arguments all faults end.
func fault(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		_, err := of(ts).job.Ask(context.Background(), http.MethodDelete, "/faults", nil)
		ts.Check(err)
		return
	}
	if neg || len(args) < 3 || len(args) > 6 {
		ts.Fatalf("usage: fault SERVICE STATUS|DELAY|before|after TIMES [METHOD [PATH [FILE]]]")
	}
	times, err := strconv.Atoi(args[2])
	ts.Check(err)
	f := map[string]any{"service": args[0], "times": times}
	status, err := strconv.Atoi(args[1])
	switch {
	case err == nil:
		f["status"] = status
	case args[1] == "before" || args[1] == "after":
		f["cut"] = args[1]
	default:
		f["delay"] = args[1]
	}
	for i, key := range []string{"method", "path"} {
		if len(args) > 3+i {
			f[key] = args[3+i]
		}
	}
	if len(args) == 6 {
		f["body"] = ts.ReadFile(args[5])
		f["header"] = map[string]string{"Content-Type": "application/vnd.oci.image.index.v1+json"}
	}
	body, err := json.Marshal(f)
	ts.Check(err)
	_, err = of(ts).job.Ask(context.Background(), http.MethodPost, "/faults", body)
	ts.Check(err)
}
