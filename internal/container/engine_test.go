//go:build container

package container_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"seal-image/internal/suite"
)

const (
	engineReady = 60 * time.Second // to start
	engineEnd   = 30 * time.Second // to stop
)

// startEngine makes `docker` work until the test ends: with the engine that answers already,
// or else with one of its own, which keeps its images below dir.
func startEngine(t *testing.T, dir string) {
	t.Helper()
	if exec.CommandContext(t.Context(), "docker", "version").Run() == nil {
		return
	}
	install(t, "docker.io", "dockerd")
	// A socket's path has 107 bytes at most, which a deep folder of the repository would exceed.
	run := suite.OpenDir(t)
	socket := "unix://" + filepath.Join(run, "docker.sock")
	log := suite.Must(os.Create(filepath.Join(run, "log")))(t)
	defer log.Close() // the process has it too
	// Nothing else needs to be said: the storage driver is chosen by what the disk can do, and
	// with the bridge and iptables come the networks that the runner's containers have.
	cmd := exec.Command("dockerd", "--log-level", "warn", "--host", socket, "--data-root", dir,
		"--exec-root", filepath.Join(run, "exec"), "--pidfile", filepath.Join(run, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	// It ends with this process too, which may have no time for its clean-up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		stopEngine(t, cmd, ended)
		// The engine leaves the network of this machine mounted, if a container has used it.
		_ = syscall.Unmount(filepath.Join(run, "exec/netns/default"), syscall.MNT_DETACH)
	})
	t.Setenv("DOCKER_HOST", socket)
	if err := awaitEngine(t.Context(), ended); err != nil {
		words, _ := os.ReadFile(log.Name())
		t.Fatalf("%v\n%s", err, tail(string(words)))
	}
}

func awaitEngine(ctx context.Context, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, engineReady)
	defer cancel()
	for exec.CommandContext(ctx, "docker", "version").Run() != nil {
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("dockerd ended: %w", err)
		case <-ctx.Done():
			return errors.New("dockerd did not get ready")
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func stopEngine(t *testing.T, cmd *exec.Cmd, ended chan error) {
	t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("dockerd: %v", err)
		}
	case <-time.After(engineEnd):
		_ = cmd.Process.Kill()
		t.Errorf("dockerd did not stop: %v", <-ended)
	}
}

// install installs a package of Debian or Ubuntu, unless its program is there.
func install(t *testing.T, pkg, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	asRoot(t, "apt-get", "update", "-qq")
	asRoot(t, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", pkg)
}

// asRoot runs a command as root, and fails the test with what it says.
func asRoot(t *testing.T, args ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		args = append([]string{"sudo"}, args...)
	}
	if words, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, words)
	}
}

// docker runs the engine's client and returns what it prints.
func docker(ctx context.Context, args ...string) (string, error) {
	var out, words bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s%s", args[0], err, words.Bytes(), tail(out.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 4 << 10
	return s[max(0, len(s)-most):]
}
