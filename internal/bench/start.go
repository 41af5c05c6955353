package main

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"seal-image/internal/harness"
)

// firstRequest is the time from the start of the action until anyone is asked for anything: all
// addresses are one that takes connections and does not answer.
func (b *bench) firstRequest(ctx context.Context) (time.Duration, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	url := "http://" + listener.Addr().String()
	job := *b.job
	job.IDTokenRequestURL, job.ResultsURL, job.GitHubAPIURL = url, url, url
	runner, err := harness.NewRunner(filepath.Join(b.dir, rand.Text()), &job)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(filepath.Dir(runner.Workspace))
	cmd := exec.CommandContext(ctx, b.action)
	cmd.Dir = runner.Workspace
	cmd.Env = runner.Environment(map[string]string{
		"image": listener.Addr().String() + "/acme/demo:v1", "tuf-url": url, "tuf-root": job.TUFRoot,
	})
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if err := listener.(*net.TCPListener).SetDeadline(start.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	connection, err := listener.Accept()
	took := time.Since(start)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if err != nil {
		return 0, err
	}
	return took, connection.Close()
}
