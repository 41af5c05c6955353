//go:build container

package container_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// identity is the workflow of the sandbox's tokens.
const identity = "https://github.com/acme/demo/.github/workflows/release.yml@refs/heads/main"

// testImage: the image holds the program, the certificate authorities and the license texts, and runs as root.
func (b *bench) testImage(t *testing.T) {
	var names []string
	for name, f := range filesIn(t, saved(t, b.image)) {
		names = append(names, fmt.Sprintf("%s %#o %d:%d", name, f.Mode, f.UID, f.GID))
	}
	slices.Sort(names)
	want := []string{"/LICENSES.txt 0644 0:0", "/etc/ssl/certs/ca-certificates.crt 0644 0:0", "/seal-image 0755 0:0"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	config := suite.Must(docker(t.Context(), "image", "inspect", "--format", `{{.Config.User}}|{{.Config.Entrypoint}}|{{.Config.Cmd}}`, b.image))(t)
	if config != "|[/seal-image]|[]" {
		t.Errorf("user, entrypoint and command are %s", config)
	}
	_, err := docker(t.Context(), "run", "--rm", "--entrypoint", "/bin/sh", b.image, "-c", "true")
	if err == nil || !strings.Contains(err.Error(), "/bin/sh") {
		t.Errorf("a shell: %v, want an error that there is none", err)
	}
}

// newRunner makes a runner with the sandbox's first root in its workspace.
func (b *bench) newRunner(t *testing.T, job *harness.Job) *runner {
	t.Helper()
	r := newRunner(t, job)
	r.write(t, filepath.Join(r.Workspace, "root.json"), suite.Must(os.ReadFile(job.TUFRoot))(t))
	return r
}

// testStep: a job with a service container seals an image in it, by the name that the network
// has for it. The runner's user can read and remove all that is written, and the packages were
// read by somebody who is not root, with all protections of the kernel.
func (b *bench) testStep(t *testing.T) {
	registry := b.startRegistry(t, "registry")
	digest := b.push(t, "multi", registry+"/acme/app:v1")
	r := b.newRunner(t, b.newJob(t))
	children := watchChildren(t)
	exit, log := r.run(t, b.image, step{network: b.network.name, inputs: map[string]string{
		"image": "registry:5000/acme/app:v1", "digest": digest, "allow-http-registry": "true",
	}})
	if exit != 0 {
		t.Fatalf("exit status %d\n%s", exit, log)
	}
	if diff := cmp.Diff([]string{"65532 65532"}, children()); diff != "" {
		t.Errorf("uid and gid of the child (-want +got):\n%s", diff)
	}
	if strings.Contains(log, "offers no Landlock") || strings.Contains(log, "no seccomp") { // the engine's own profile lets both through
		t.Errorf("the child lacks a protection\n%s", log)
	}
	outputs := suite.Must(r.Outputs())(t)
	if outputs["digest"] != digest || outputs["image"] != "registry:5000/acme/app@"+digest || outputs["log-index"] == "" {
		t.Errorf("outputs: %v", outputs)
	}
	if summary := suite.Must(os.ReadFile(r.Summary))(t); !strings.Contains(string(summary), digest) {
		t.Errorf("the summary does not name the image:\n%s", summary)
	}
	if found := b.cosign(t, r.Job, identity, "verify", registry+"/acme/app@"+digest); !strings.Contains(found, `"type":"https://sigstore.dev/cosign/sign/v1"`) {
		t.Errorf("cosign has found no signature:\n%s", found)
	}
	for _, path := range []string{outputs["sbom-path"], outputs["bundle-path"]} {
		if _, err := os.Stat(filepath.Join(r.Workspace, path)); err != nil {
			t.Error(err)
		}
	}
	r.judgeFolders(t)
}

// cosign runs a command of cosign that must succeed for the identity, and returns what it prints.
func (b *bench) cosign(t *testing.T, job *harness.Job, identity string, command ...string) string {
	t.Helper()
	args := append(slices.Clone(command), "--trusted-root", job.TrustedRoot, "--certificate-identity", identity,
		"--certificate-oidc-issuer", job.Issuer, "--certificate-github-workflow-repository", "acme/demo")
	cmd := exec.CommandContext(t.Context(), b.tools.Cosign, args...)
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cosign %s: %v\n%s", command[0], err, words.String())
	}
	return string(out)
}

// judgeFolders: nothing is left in the runner's folders but what was there, and all that the
// action has written belongs to the runner's user.
func (r *runner) judgeFolders(t *testing.T) {
	t.Helper()
	left := []string{}
	for _, entry := range suite.Must(os.ReadDir(r.Temp))(t) {
		left = append(left, entry.Name())
	}
	if diff := cmp.Diff([]string{"_github_home", "_github_workflow", "_runner_file_commands"}, left); diff != "" {
		t.Errorf("in the runner's temporary folder (-want +got):\n%s", diff)
	}
	err := filepath.WalkDir(r.Workspace, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != runnerUser || owner.Gid != runnerUser {
			t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	r.remove(t, r.Workspace)
}

// testFolders: runners differ in their folders.
func (b *bench) testFolders(t *testing.T) {
	t.Run("no temporary folder", func(t *testing.T) { // runners before 2025
		r := b.newRunner(t, b.newJob(t))
		b.sealed(t, r, step{without: "/github/runner_temp"})
		r.judgeFolders(t)
	})
	t.Run("closed temporary folder", func(t *testing.T) { // a runner with a umask of 077
		r := b.newRunner(t, b.newJob(t))
		for _, dir := range []string{r.Temp, r.Workspace} {
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		b.sealed(t, r, step{})
		r.judgeFolders(t)
	})
}

// sealed runs the action on an image of its own, and wants success.
func (b *bench) sealed(t *testing.T, r *runner, s step) {
	t.Helper()
	ref := r.Job.Registry + "/acme/" + strings.ToLower(filepath.Base(unique("app"))) + ":v1"
	digest := b.push(t, "single", ref)
	s.inputs = map[string]string{"image": ref, "digest": digest, "allow-http-registry": "true"}
	if exit, log := r.run(t, b.image, s); exit != 0 {
		t.Fatalf("exit status %d\n%s", exit, log)
	}
	b.cosign(t, r.Job, identity, "verify", ref)
}

// testDockerConfig: a login that an earlier step has left in the runner's temporary folder is
// found by the path that the runner knows.
func (b *bench) testDockerConfig(t *testing.T) {
	job := b.newJob(t)
	ref := job.RegistryWithLogin + "/acme/login:v1"
	t.Setenv("PUSH_PASSWORD", job.RegistryPassword)
	digest := b.push(t, "single", ref, "-username", job.RegistryUsername, "-password-env", "PUSH_PASSWORD")
	r := b.newRunner(t, job)
	folder := filepath.Join(r.Temp, "docker")
	r.write(t, filepath.Join(folder, "config.json"), fmt.Appendf(nil,
		`{"auths": {%q: {"username": %q, "password": %q}}}`, job.RegistryWithLogin, job.RegistryUsername, job.RegistryPassword))
	image := map[string]string{"image": ref, "digest": digest, "allow-http-registry": "true"}
	for name, s := range map[string]step{
		"input":    {inputs: map[string]string{"docker-config": folder}},
		"variable": {env: []string{"DOCKER_CONFIG=" + folder}},
		"none":     {},
	} {
		t.Run(name, func(t *testing.T) {
			inputs := maps.Clone(image)
			maps.Copy(inputs, s.inputs)
			s.inputs = inputs
			exit, log := r.run(t, b.image, s)
			if want := map[bool]int{true: 3, false: 0}[name == "none"]; exit != want {
				t.Errorf("exit status %d, want %d\n%s", exit, want, log)
			}
		})
	}
}

// testLocalhost: the registry of this machine is not reached by the name that it has here.
func (b *bench) testLocalhost(t *testing.T) {
	r := b.newRunner(t, b.newJob(t))
	exit, log := r.run(t, b.image, step{inputs: map[string]string{"image": "localhost:5000/acme/app:v1"}})
	if exit != 4 || !strings.Contains(log, "image: registry:5000/acme/app:tag") {
		t.Errorf("exit status %d, want 4 and the name of a service container\n%s", exit, log)
	}
}

// testCancelled: the runner sends SIGINT first, and SIGTERM 7.5 s later, to a program that is
// the first of its container, so that a signal without handler would do nothing.
func (b *bench) testCancelled(t *testing.T) {
	for signal, want := range map[string]int{"INT": 130, "TERM": 143} {
		t.Run(signal, func(t *testing.T) {
			job := b.newJob(t)
			ref := job.Registry + "/acme/cancelled:v1"
			digest := b.push(t, "single", ref)
			ask(t, job, http.MethodPost, "/faults", `{"service": "rekor", "hold": "log", "method": "POST"}`)
			r := b.newRunner(t, job)
			c := r.start(t, b.image, step{inputs: map[string]string{"image": ref, "digest": digest, "allow-http-registry": "true"}})
			ask(t, job, http.MethodGet, "/holds/log", "")
			start := time.Now()
			suite.Must(docker(t.Context(), "kill", "--signal", signal, c.name))(t)
			exit, log := c.wait(t)
			if took := time.Since(start); exit != want || took > 5*time.Second {
				t.Errorf("exit status %d after %s, want %d within 5 s\n%s", exit, took, want, log)
			}
			if outputs := suite.Must(os.ReadFile(r.Output))(t); len(outputs) > 0 {
				t.Errorf("outputs: %s", outputs)
			}
			r.judgeFolders(t)
		})
	}
}

func ask(t *testing.T, job *harness.Job, method, path, body string) {
	t.Helper()
	suite.Must(job.Ask(t.Context(), method, path, []byte(body)))(t)
}

// watchChildren looks for processes that list packages, in all containers, until the returned
// function is called, which tells as whom they ran.
func watchChildren(t *testing.T) func() []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	found := make(chan []string)
	go func() {
		users := map[string]bool{}
		for ctx.Err() == nil {
			for _, user := range children() {
				users[user] = true
			}
			time.Sleep(2 * time.Millisecond)
		}
		all := []string{}
		for user := range users {
			all = append(all, user)
		}
		slices.Sort(all)
		found <- all
	}()
	return func() []string {
		cancel()
		return <-found
	}
}

// children are uid and gid of the processes that have the arguments "/seal-image catalog".
func children() []string {
	var users []string
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil
	}
	for _, line := range lines {
		args, err := os.ReadFile(line)
		if err != nil || string(args) != "/seal-image\x00catalog\x00" {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(line), "status"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var uid, gid string
		for line := range strings.Lines(string(status)) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Uid:" {
				uid = fields[1]
			} else if len(fields) > 1 && fields[0] == "Gid:" {
				gid = fields[1]
			}
		}
		users = append(users, uid+" "+gid)
	}
	return users
}
