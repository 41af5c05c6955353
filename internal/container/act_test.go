//go:build container

package container_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// action is the name by which workflows use the action.
const action = "OWNER/seal-image"

// runs is a repository whose workflows act runs. Act does what GitHub and its runner do with
// a workflow, and differs from them in what runner_test.go is about.
type runs struct {
	b      *bench
	job    *harness.Job
	dir    string            // of the repository
	names  map[string]string // folders, by the actions for which they stand
	vars   map[string]string // of the repository
	env    map[string]string // of all jobs
	secret map[string]string // of the repository
}

// newRuns makes the repository acme/demo of testdata. The action in it is that of this
// repository, with the stand-in of the golang image; docker's are stand-ins too.
func (b *bench) newRuns(t *testing.T) *runs {
	t.Helper()
	dir := suite.OpenDir(t)
	r := &runs{b: b, job: b.newJob(t), dir: filepath.Join(dir, "demo")}
	copyTree(t, "testdata/repository", r.dir)
	if err := os.WriteFile(filepath.Join(r.dir, "root.json"), suite.Must(os.ReadFile(r.job.TUFRoot))(t), 0o644); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "seal-image")
	b.copyAction(t, own)
	asRepository(t, r.dir)
	r.names = map[string]string{action + "@v1": own}
	for _, used := range usedActions(t) {
		repository, _, _ := strings.Cut(used, "@")
		if stand, is := standIns[repository]; is {
			r.names[used] = suite.Must(filepath.Abs(filepath.Join("testdata/actions", stand)))(t)
		}
	}
	r.env = map[string]string{
		"TUF": r.job.TUFURL, "ACTIONS_ID_TOKEN_REQUEST_URL": r.job.IDTokenRequestURL,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": r.job.IDTokenRequestToken,
		"ACTIONS_RESULTS_URL":            r.job.ResultsURL, "ACTIONS_RUNTIME_TOKEN": r.job.RuntimeToken,
	}
	r.secret = map[string]string{"GITHUB_TOKEN": r.job.GitHubToken}
	return r
}

// standIns are the folders of testdata/actions that stand for actions of others.
var standIns = map[string]string{
	"docker/setup-qemu-action": "setup", "docker/setup-buildx-action": "setup", "actions/setup-go": "setup",
	"docker/login-action": "login", "docker/build-push-action": "build-push", "docker/bake-action": "bake",
	"goreleaser/goreleaser-action": "goreleaser", "aws-actions/configure-aws-credentials": "setup",
	"aws-actions/amazon-ecr-login": "ecr-login", "google-github-actions/auth": "google-auth",
}

// usedActions are the actions of others that workflows of the tests, examples and the reusable
// workflow use, as they name them.
func usedActions(t *testing.T) []string {
	t.Helper()
	files := []string{root + "/.github/workflows/publish.yml"}
	for _, pattern := range []string{"testdata/repository/.github/workflows/*.yml", examples + "/*.yml", examples + "/*/*.yml"} {
		files = append(files, suite.Must(filepath.Glob(pattern))(t)...)
	}
	var used []string
	for _, file := range files {
		for _, found := range regexp.MustCompile(`uses: ([\w-]+/[\w-]+@[\w.]+)`).FindAllSubmatch(suite.Must(os.ReadFile(file))(t), -1) {
			used = append(used, string(found[1]))
		}
	}
	return used
}

// copyAction copies what git has of this repository. Act passes no build arguments, so the
// stand-in of the golang image is written into the Dockerfile. Nor does it read .dockerignore,
// so what that leaves out is left out here: the engine then knows each layer already.
func (b *bench) copyAction(t *testing.T, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = root
	ignored := strings.Split(string(suite.Must(os.ReadFile(filepath.Join(root, ".dockerignore")))(t)), "\n")
	for name := range strings.SplitSeq(strings.TrimSuffix(string(suite.Must(list.Output())(t)), "\x00"), "\x00") {
		parts := strings.Split(name, "/")
		if strings.HasSuffix(name, "_test.go") || slices.Contains(parts, "testdata") || len(parts) > 1 && slices.Contains(ignored, parts[0]+"/"+parts[1]) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not yet committed
		}
		write(t, filepath.Join(to, name), suite.Must(content, err)(t))
	}
	replace(t, filepath.Join(to, ".github/workflows/publish.yml"), ownerOf, action+"@v1")
	replace(t, filepath.Join(to, "Dockerfile"), regexp.MustCompile(`(?m)^ARG GO_IMAGE=.*$`), "ARG GO_IMAGE="+b.golang)
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// replace replaces what is once in a file.
func replace(t *testing.T, name string, pattern *regexp.Regexp, with string) {
	t.Helper()
	content := suite.Must(os.ReadFile(name))(t)
	if n := len(pattern.FindAll(content, -1)); n != 1 {
		t.Fatalf("%s has %d of %s, want one", name, n, pattern)
	}
	write(t, name, pattern.ReplaceAllLiteral(content, []byte(with)))
}

// asRepository makes the folder a clone of acme/demo.
func asRepository(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch", "main"},
		{"remote", "add", "origin", "https://github.com/acme/demo"},
		{"add", "--all"},
		{"-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "commit", "--quiet", "--message", "Start"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if words, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, words)
		}
	}
}

// result is what a run of a workflow has left.
type result struct {
	succeeded bool
	failed    []string                     // ids of steps
	outputs   map[string]map[string]string // by the id of the step, of all jobs
	summary   string
	log       string // what the steps have printed, and what act says
}

// run runs a workflow for a push to main.
func (r *runs) run(t *testing.T, workflow string) *result {
	t.Helper()
	args := []string{
		"push", "--json", "--workflows", ".github/workflows/" + workflow, "--platform", "ubuntu-latest=" + r.b.debian, "--platform", "self-hosted=" + r.b.debian,
		"--pull=false", "--rm", "--no-cache-server", "--actor", "octocat", "--action-cache-path", filepath.Join(t.TempDir(), "actions"),
		"--container-options", "--volume " + r.b.tools.Sandbox + ":/opt/tools/sandbox:ro --volume " + r.b.tools.Images + ":/opt/tools/images:ro --volume " +
			suite.Must(filepath.Abs("testdata/kubectl"))(t) + ":/usr/local/bin/kubectl:ro",
	}
	for flag, values := range map[string]map[string]string{
		"--local-repository": r.names, "--var": r.vars, "--env": r.env, "--secret": r.secret,
	} {
		for name, value := range values {
			args = append(args, flag, name+"="+value)
		}
	}
	var out, words bytes.Buffer
	cmd := exec.CommandContext(t.Context(), r.b.act, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit {
		t.Fatal(err)
	}
	res := readRun(t, &out)
	res.succeeded = err == nil
	res.log += words.String()
	return res
}

// readRun reads what act prints with --json, a line for each event.
func readRun(t *testing.T, events *bytes.Buffer) *result {
	t.Helper()
	res := &result{outputs: map[string]map[string]string{}}
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct {
			Command string   `json:"command"`
			Name    string   `json:"name"`
			Arg     string   `json:"arg"`
			Content string   `json:"content"`
			Message string   `json:"msg"`
			Step    []string `json:"stepID"`
			Stage   string   `json:"stage"`
			Result  string   `json:"stepResult"`
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			res.log += lines.Text() + "\n" // act's own words
			continue
		}
		res.log += strings.TrimSuffix(event.Message, "\n") + "\n"
		step := strings.Join(event.Step, "/")
		if event.Result == "failure" && event.Stage == "Main" {
			res.failed = append(res.failed, step)
		}
		switch event.Command {
		case "set-output":
			if res.outputs[step] == nil {
				res.outputs[step] = map[string]string{}
			}
			maps.Copy(res.outputs[step], map[string]string{event.Name: event.Arg})
		case "summary":
			res.summary += event.Content
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return res
}
