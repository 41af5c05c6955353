//go:build matrix

package matrix_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// registry is a registry on loopback.
type registry struct{ name, host string }

// dockerRegistryConfig lets the system choose the port; the log tells which.
const dockerRegistryConfig = `version: 0.1
log: {level: info}
storage: {inmemory: {}}
http: {addr: "127.0.0.1:0"}
`

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// startDockerRegistry runs distribution 2.8, as Debian and Ubuntu ship it, until the test
// ends. It is what many a private registry still is: it has no referrers API, and it
// knows nothing of artifactType and subject.
func startDockerRegistry(t *testing.T, bin string) string {
	t.Helper()
	program, err := dockerRegistry(t.Context(), bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(config, []byte(dockerRegistryConfig), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", config)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // which says that it was killed
	})
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }() // a full pipe would stop it
			return found[1]
		}
	}
	t.Fatal("docker-registry has not said where it listens")
	return ""
}

// dockerRegistry finds the program, or takes it out of the distribution's package. The
// package is not installed: that would start a service and make an account.
func dockerRegistry(ctx context.Context, bin, dir string) (string, error) {
	const name = "docker-registry"
	if program, err := exec.LookPath(name); err == nil {
		return program, nil
	}
	program := filepath.Join(bin, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	script := `apt-get download docker-registry || { apt-get update && apt-get download docker-registry; }
dpkg-deb --extract docker-registry_*.deb . && mv usr/bin/docker-registry "$1"`
	cmd := exec.CommandContext(ctx, "sh", "-ec", script, "sh", program)
	cmd.Dir = dir
	if words, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("get %s of Debian or Ubuntu: %w\n%s", name, err, words)
	}
	return program, nil
}
