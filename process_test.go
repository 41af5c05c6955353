package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"seal-image/internal/harness"
)

// The secrets of the job are read once, and are then no longer in the environment that
// libraries see. Not parallel: the environment is the process's.
//
// faults: F68
func TestEnvironment(t *testing.T) {
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret")
	t.Setenv("INPUT_REGISTRY-PASSWORD", "also secret")
	t.Setenv("GITHUB_REF", "refs/heads/main")
	getenv := environment()
	for name, want := range map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret", "INPUT_REGISTRY-PASSWORD": "also secret", "GITHUB_REF": "refs/heads/main",
	} {
		if got := getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		if got, there := os.LookupEnv(name); there != (name == "GITHUB_REF") {
			t.Errorf("in the environment, %s is %q", name, got)
		}
	}
}

// Both actions are closed to other processes of their user before they ask anybody for
// anything: what is secret in /proc is root's.
func TestProcessIsClosed(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"", "verify"} {
		t.Run("argument "+argument, func(t *testing.T) {
			t.Parallel()
			cmd, asked := startAction(t, argument)
			conn, err := asked.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			at, err := os.Stat(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if owner := at.Sys().(*syscall.Stat_t).Uid; owner != 0 {
				t.Errorf("its environment belongs to the user %d", owner)
			}
		})
	}
}

// startAction starts the action as an ordinary user. It then waits for an answer of the
// listener, as of a registry.
func startAction(t *testing.T, argument string) (*exec.Cmd, net.Listener) {
	t.Helper()
	dir, err := os.MkdirTemp("", "seal-image-test-") //nolint:usetesting // another user must get to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	registry, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Close() })
	if err := registry.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	nowhere := "http://" + registry.Addr().String()
	job, err := harness.NewRunner(filepath.Join(dir, "job"), &harness.Job{
		IDTokenRequestURL: nowhere, IDTokenRequestToken: "token", ResultsURL: nowhere, RuntimeToken: "token",
	})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "seal-image")
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock() // a process that another test starts now would keep the file open for a moment
	err = os.WriteFile(program, content, 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	if argument != "" {
		cmd.Args = append(cmd.Args, argument)
	}
	cmd.Env = job.Environment(map[string]string{
		"image": registry.Addr().String() + "/acme/app:v1", "allow-http-registry": "true",
		"certificate-identity": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
	})
	cmd.Env = append(cmd.Env, "HTTPS_PROXY="+nowhere) // for the trust root
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || os.Geteuid() != 0 {
			return err
		}
		return os.Chown(path, 65532, 65532)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, registry
}

// The tests that the threat model names are there.
func TestThreatModelAgrees(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(read(t, path), -1) {
			tests[found[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+|[\\w-]+\\.txtar)`").FindAllStringSubmatch(read(t, ".github/SECURITY.md"), -1)
	if len(named) < 20 {
		t.Errorf("the threat model names %d tests", len(named))
	}
	for _, name := range named {
		_, err := os.Stat(filepath.Join("testdata/script", name[1]))
		if !tests[name[1]] && err != nil {
			t.Errorf("the threat model names %s, which does not exist", name[1])
		}
	}
}
