// Command demo shows the main job on this machine alone: it starts a real Sigstore and a
// registry on loopback, pushes a two-platform image, runs the action as the GitHub runner
// would, and has others verify the result. `make demo` runs it. With -summary FILE it leaves
// the summary of the job there.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"seal-image/internal/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	summary := flag.String("summary", "", "file for the job summary")
	flag.Parse()
	err := run(ctx, *summary)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, summary string) (err error) {
	d := &demo{start: time.Now(), summary: summary}
	d.dir, err = os.MkdirTemp("", "seal-image-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	// The child of the action is another user, and must get to its folder.
	if err := os.Chmod(d.dir, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Build the action and the sandbox (minutes the first time)", d.build},
		{"Start Fulcio, CT log, Rekor, timestamp authority, TUF, registry and token issuer", d.serve},
		{"Push a two-platform image", d.push},
		{"Run the action", d.seal},
		{"Verify with an independent verifier (sigstore-go)", d.verify},
		{"Verify with cosign", d.cosign},
	} {
		began := time.Now()
		fmt.Printf("\n== %s\n", step.title)
		if err := step.do(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", step.title, err), d.stop())
		}
		fmt.Printf("-- %.1f s\n", time.Since(began).Seconds())
	}
	fmt.Printf("\nSealed and verified in %.1f s.\n", time.Since(d.start).Seconds())
	return d.stop()
}

// demo is what the steps hand over to each other.
type demo struct {
	start   time.Time
	summary string // file for the job summary; empty: none
	dir     string
	action  string // executable
	tools   *harness.Tools
	sandbox *harness.Sandbox
	digest  string
	outputs map[string]string
}

func (d *demo) build(ctx context.Context) (err error) {
	if d.tools, err = harness.Build(ctx, ".", false); err != nil {
		return err
	}
	d.action, err = harness.BuildAction(ctx, ".")
	return err
}

func (d *demo) serve(ctx context.Context) (err error) {
	d.sandbox, err = harness.Start(ctx, d.tools.Sandbox)
	return err
}

func (d *demo) stop() error {
	if d.sandbox == nil {
		return nil
	}
	return d.sandbox.Stop()
}

func (d *demo) image() string { return d.sandbox.First.Registry + "/acme/demo:v1" }

func (d *demo) push(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, d.tools.Sandbox, "push", filepath.Join(d.tools.Images, "multi"), d.image()).Output()
	d.digest = strings.TrimSpace(string(out))
	fmt.Println(d.image() + "@" + d.digest)
	return err
}

// seal runs the action with the inputs of a workflow's step. The TUF repository takes the
// place of the public one; nothing else differs from a real run.
func (d *demo) seal(ctx context.Context) error {
	job := d.sandbox.First
	runner, err := harness.NewRunner(filepath.Join(d.dir, "github"), job)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, d.action)
	cmd.Dir = runner.Workspace
	cmd.Env = runner.Environment(map[string]string{
		"image": d.image(), "digest": d.digest, "tuf-url": job.TUFURL, "tuf-root": job.TUFRoot,
	})
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "::add-mask::") {
			fmt.Print(line)
		}
	}
	if err != nil {
		return err
	}
	if d.outputs, err = runner.Outputs(); err != nil {
		return err
	}
	if err := d.keepSummary(runner); err != nil {
		return err
	}
	fmt.Println("\nOutputs of the step:")
	for _, name := range slices.Sorted(maps.Keys(d.outputs)) {
		value := d.outputs[name]
		if len(value) > 120 {
			value = value[:120] + "..."
		}
		fmt.Printf("  %-24s %s\n", name, value)
	}
	return nil
}

// keepSummary leaves the summary with ghcr.io in the place of the registry's address.
func (d *demo) keepSummary(runner *harness.Runner) error {
	if d.summary == "" {
		return nil
	}
	markdown, err := os.ReadFile(runner.Summary)
	if err != nil {
		return err
	}
	return os.WriteFile(d.summary, bytes.ReplaceAll(markdown, []byte(d.sandbox.First.Registry), []byte("ghcr.io")), 0o644)
}

func (d *demo) verify(ctx context.Context) error {
	return show(exec.CommandContext(ctx, d.tools.Sandbox, "verify",
		"-trusted-root", d.sandbox.First.TrustedRoot, "-repository", "https://github.com/"+d.outputs["certificate-repository"],
		"-identity", d.outputs["certificate-identity"], "-issuer", d.outputs["certificate-oidc-issuer"], d.outputs["image"]))
}

// cosign runs the output verify-command, with the sandbox's trusted root in the place of
// the public one. The cosign of the tests serves too.
func (d *demo) cosign(ctx context.Context) error {
	program := find("cosign", filepath.Join(d.tools.Dir, "cosign"))
	if program == "" {
		fmt.Println("There is no cosign in the PATH; `make test` builds one and has it judge everything.")
		return nil
	}
	args := strings.Fields(d.outputs["verify-command"])[1:]
	args = append(args, "--new-bundle-format", "--trusted-root", d.sandbox.First.TrustedRoot) // cosign 2 needs both
	return show(exec.CommandContext(ctx, program, args...))
}

// find returns the first program that exists, or "".
func find(programs ...string) string {
	for _, p := range programs {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	return ""
}

// show runs a command and prints it with what it says.
func show(cmd *exec.Cmd) error {
	fmt.Println("$ " + filepath.Base(cmd.Path) + " " + strings.Join(cmd.Args[1:], " "))
	out, err := cmd.CombinedOutput()
	fmt.Println(strings.TrimSpace(string(out)))
	return err
}
