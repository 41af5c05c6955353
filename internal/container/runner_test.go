//go:build container

package container_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// runnerUser is the uid and gid of the runner on GitHub's machines.
const runnerUser = 1001

// runner has the folders of a runner, which belong to its user.
type runner struct {
	*harness.Runner
	mounts [][2]string // folder here, folder in the container
}

// newRunner makes the folders as the runner does.
//
// https://github.com/actions/runner/blob/v2.336.0/src/Runner.Worker/Handlers/ContainerActionHandler.cs
func newRunner(t *testing.T, job *harness.Job) *runner {
	t.Helper()
	work := filepath.Join(suite.OpenDir(t), "_work")
	temp := filepath.Join(work, "_temp")
	in := func(dir string) string { return filepath.Join(temp, dir) }
	r := &runner{
		Runner: &harness.Runner{
			Workspace: filepath.Join(work, "demo", "demo"),
			Temp:      temp,
			Output:    in("_runner_file_commands/set_output_d7a0"),
			Summary:   in("_runner_file_commands/step_summary_d7a0"),
			Event:     in("_github_workflow/event.json"),
			Job:       job,
		},
	}
	r.mounts = [][2]string{
		{in("_github_home"), "/github/home"},
		{in("_github_workflow"), "/github/workflow"},
		{in("_runner_file_commands"), "/github/file_commands"},
		{temp, "/github/runner_temp"},
		{r.Workspace, "/github/workspace"},
	}
	for _, mount := range r.mounts {
		if err := os.MkdirAll(mount[0], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.write(t, r.Event, []byte(harness.Event))
	r.write(t, r.Output, nil)
	r.write(t, r.Summary, nil)
	r.own(t, work)
	return r
}

// write writes a file of the runner's user.
func (r *runner) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	r.own(t, filepath.Dir(name))
}

// own gives all below a folder to the runner's user.
func (*runner) own(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, runnerUser, runnerUser))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// remove removes all below a folder as the runner's user, as the next job does.
func (*runner) remove(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "rm", "-rf", dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: runnerUser, Gid: runnerUser}}
	}
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the runner's user cannot remove %s: %v\n%s", dir, err, words)
	}
}

// step is one step that runs the action.
type step struct {
	network string            // of the job; empty is the engine's own
	inputs  map[string]string // as the workflow has them, with paths of the runner
	env     []string          // more variables of the job
	without string            // folder of the container that this runner does not mount
	args    []string          // `args` of action.yml
}

// run runs the action until it ends, and returns its exit status and its log.
func (r *runner) run(t *testing.T, image string, s step) (int, string) {
	t.Helper()
	running := r.start(t, image, s)
	return running.wait(t)
}

// socket is the path of the engine's, which a container would otherwise find as a new folder.
func socket() string {
	return strings.TrimPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://")
}

// running is a container of the action.
type running struct {
	name string
	log  bytes.Buffer
	cmd  *exec.Cmd
}

// start starts the container as the runner does: as root, with its folders, with names of
// variables whose values come by the environment of docker. It does not say which user.
func (r *runner) start(t *testing.T, image string, s step) *running {
	t.Helper()
	c := &running{name: unique("step")}
	args := []string{"run", "--name", c.name, "--label", "seal-image", "--workdir", "/github/workspace", "--rm"}
	env := r.environment(s)
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		args = append(args, "-e", name)
	}
	if s.network != "" {
		args = append(args, "--network", s.network)
	}
	args = append(args, "-v", socket()+":/var/run/docker.sock")
	for _, mount := range r.mounts {
		if mount[1] != s.without {
			args = append(args, "-v", mount[0]+":"+mount[1])
		}
	}
	c.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), "docker", append(append(args, image), s.args...)...)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", c.name).Run() })
	return c
}

func (c *running) wait(t *testing.T) (int, string) {
	t.Helper()
	err := c.cmd.Wait()
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit {
		t.Fatal(err)
	}
	return c.cmd.ProcessState.ExitCode(), c.log.String()
}

// environment is what the container gets: the variables of the job, with paths below the
// mounted folders as they are in the container.
//
// https://github.com/actions/runner/blob/v2.336.0/src/Runner.Worker/Container/ContainerInfo.cs
func (r *runner) environment(s step) []string {
	inputs := map[string]string{"tuf-url": r.Job.TUFURL, "tuf-root": "root.json"}
	maps.Copy(inputs, s.inputs)
	env := append(r.Environment(inputs),
		"GITHUB_ACTION=__acme_seal-image", "GITHUB_ACTION_REF=v1", "GITHUB_REF_NAME=main", "GITHUB_REF_TYPE=branch", "GITHUB_BASE_REF=", "GITHUB_HEAD_REF=",
		"GITHUB_ENV="+filepath.Join(filepath.Dir(r.Output), "set_env_d7a0"), "GITHUB_STATE="+filepath.Join(filepath.Dir(r.Output), "save_state_d7a0"),
		"RUNNER_NAME=runner", "RUNNER_ENVIRONMENT=github-hosted", "RUNNER_TOOL_CACHE=/opt/hostedtoolcache",
		"RUNNER_WORKSPACE="+filepath.Dir(r.Workspace))
	env = append(env, s.env...)
	env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "HOME=") })
	for i, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		env[i] = name + "=" + r.translate(value)
	}
	// The client of the engine gets it too, and has no login in it.
	return append(env, "HOME=/github/home")
}

// translate is the path in the container, for one that is mounted. The folder of all is
// looked at last: it holds others.
func (r *runner) translate(path string) string {
	for _, mount := range r.mounts {
		if path == mount[0] || strings.HasPrefix(path, mount[0]+"/") {
			return mount[1] + strings.TrimPrefix(path, mount[0])
		}
	}
	return path
}
