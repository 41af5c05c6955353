package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Runner is what the GitHub runner gives a container action: folders, files and
// variables. Source: https://github.com/actions/runner, ContainerActionHandler.cs
type Runner struct {
	Workspace string // GITHUB_WORKSPACE
	Temp      string // RUNNER_TEMP
	Output    string // file GITHUB_OUTPUT
	Summary   string // file GITHUB_STEP_SUMMARY
	Event     string // file GITHUB_EVENT_PATH
	Job       *Job
}

// Event is the part of a push event that the action reads.
const Event = `{"ref":"refs/heads/main","repository":{"full_name":"acme/demo","private":false,"visibility":"public"}}`

// NewRunner makes the folders and files below dir.
func NewRunner(dir string, job *Job) (*Runner, error) {
	r := &Runner{
		Workspace: filepath.Join(dir, "workspace"),
		Temp:      filepath.Join(dir, "runner_temp"),
		Output:    filepath.Join(dir, "file_commands", "set_output"),
		Summary:   filepath.Join(dir, "file_commands", "step_summary"),
		Event:     filepath.Join(dir, "workflow", "event.json"),
		Job:       job,
	}
	var errs []error
	for _, folder := range []string{dir, r.Workspace, r.Temp, filepath.Dir(r.Output), filepath.Dir(r.Event)} {
		errs = append(errs, os.MkdirAll(folder, 0o755))
	}
	for name, content := range map[string]string{r.Output: "", r.Summary: "", r.Event: Event} {
		errs = append(errs, os.WriteFile(name, []byte(content), 0o644))
	}
	return r, errors.Join(errs...)
}

// sha is the commit of the job, as in its tokens.
const sha = "8f6a3c1e0b5d4f7a9c2e1d0b3a4c5d6e7f809a1b"

// Environment is all that the action's process sees, with the inputs of the step.
func (r *Runner) Environment(inputs map[string]string) []string {
	env := []string{
		"CI=true", "GITHUB_ACTIONS=true", "HOME=" + filepath.Join(filepath.Dir(r.Workspace), "home"),
		"GITHUB_WORKSPACE=" + r.Workspace, "GITHUB_OUTPUT=" + r.Output, "GITHUB_STEP_SUMMARY=" + r.Summary,
		"GITHUB_EVENT_PATH=" + r.Event, "GITHUB_EVENT_NAME=push", "GITHUB_REF=refs/heads/main",
		"GITHUB_SERVER_URL=https://github.com", "GITHUB_API_URL=" + r.Job.GitHubAPIURL,
		"GITHUB_REPOSITORY=acme/demo", "GITHUB_REPOSITORY_OWNER=acme", "GITHUB_ACTION_REPOSITORY=acme/seal-image", "GITHUB_ACTOR=octocat",
		"GITHUB_RUN_ID=1658821493", "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=release", "GITHUB_RETENTION_DAYS=90",
		"GITHUB_WORKFLOW=release", "GITHUB_SHA=" + sha,
		"RUNNER_TEMP=" + r.Temp, "RUNNER_OS=Linux", "RUNNER_ARCH=X64",
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + r.Job.IDTokenRequestURL,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + r.Job.IDTokenRequestToken,
		"ACTIONS_RESULTS_URL=" + r.Job.ResultsURL, "ACTIONS_RUNTIME_TOKEN=" + r.Job.RuntimeToken,
	}
	if _, given := inputs["github-token"]; !given { // action.yml has ${{ github.token }} for it
		env = append(env, "INPUT_GITHUB-TOKEN="+r.Job.GitHubToken)
	}
	for name, value := range inputs {
		env = append(env, fmt.Sprintf("INPUT_%s=%s", strings.ToUpper(name), value))
	}
	return env
}

// Outputs reads the outputs of the step as the runner does: "name<<delimiter", the value,
// the delimiter. Source: https://github.com/actions/runner, FileCommandManager.cs
func (r *Runner) Outputs() (map[string]string, error) {
	content, err := os.ReadFile(r.Output)
	if err != nil {
		return nil, err
	}
	outputs := map[string]string{}
	lines := strings.Split(string(content), "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		name, delimiter, ok := strings.Cut(lines[i], "<<")
		if !ok {
			return nil, fmt.Errorf("line %d of the outputs, %q, has no delimiter", i+1, lines[i])
		}
		var value []string
		for i++; i < len(lines) && lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		if i == len(lines) {
			return nil, fmt.Errorf("output %s does not end", name)
		}
		outputs[name] = strings.Join(value, "\n")
	}
	return outputs, nil
}
