// Command seal-image is the container action declared in action.yml and, as "seal-image
// verify", the one in verify/action.yml. Its files only wire: internal/attest holds the
// order of the steps, its neighbours do the work.
package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"strings"

	"seal-image/internal/config"
	"seal-image/internal/confine"
	"seal-image/internal/runner"
	"seal-image/internal/sbom"
)

// version of the action, as in CHANGELOG.md. The image is built from an archive without
// git, so the build cannot know it.
const version = "1.0.0"

func main() {
	os.Exit(run(os.Args, environment(), os.Stdin, os.Stdout))
}

// environment looks up the variables of the job. It takes the secrets out of this process's
// own environment, where libraries and what they start would find them.
func environment() func(string) string {
	secrets := map[string]string{}
	for _, name := range secretVariables {
		secrets[name] = os.Getenv(name)
		_ = os.Unsetenv(name) // fails for a name with "=" alone
	}
	return func(name string) string { return cmp.Or(secrets[name], os.Getenv(name)) }
}

// run is main without the process: it returns the exit status. The arguments "unpack"
// and "catalog" make it a child of internal/sbom.
func run(args []string, getenv func(string) string, stdin io.Reader, stdout io.Writer) int {
	ctx, stop := runner.Signals(context.Background(), os.Exit)
	defer stop()
	switch job, argument := runner.New(getenv, stdout), strings.Join(args[1:], " "); argument {
	case "":
		return job.Finish(seal(ctx, job, args[0], getenv))
	case "verify":
		return job.Finish(verify(ctx, job, getenv))
	case "unpack":
		return child(ctx, sbom.Unpack, stdin, stdout)
	case "catalog":
		return child(ctx, sbom.Child, stdin, stdout)
	case "--help", "-h", "help":
		_, _ = io.WriteString(stdout, usage) // there is nobody else to tell
		return 0
	default:
		return job.Finish(unknown(argument))
	}
}

// seal reads the job and its inputs, runs the pipeline and publishes the result.
func seal(ctx context.Context, job *runner.Job, program string, getenv func(string) string) (err error) {
	defer recovered(&err)
	job.MaskVariables(secretVariables...)
	if err := confine.Parent(); err != nil {
		return err
	}
	cfg, err := config.Parse(getenv)
	if err != nil {
		return err
	}
	job.Mask(cfg.Registry.Secrets()...)
	if err := job.CheckFiles(); err != nil {
		return err
	}
	warnOfForeignCode(ctx, job, cfg.Job.Event)
	work, err := workFolder(cfg.Job.Temp)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	stack := newTransport(job)
	defer stack.CloseIdleConnections()
	pipeline, err := wire(ctx, cfg, job, stack, work, program)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, timedOut(cfg.Timeout))
	defer cancel()
	res, err := pipeline.Run(ctx, request(cfg))
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return (&publication{cfg: cfg, job: job, stack: stack, res: res}).publish(ctx, err)
}
