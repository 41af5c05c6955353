package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"seal-image/internal/problem"
	"seal-image/internal/runner"
	"seal-image/internal/sbom"
)

// catalogLimit is the time for the SBOM of one image.
const catalogLimit = 20 * time.Minute

// child is a child of internal/sbom, which does one thing for an image.
func child(ctx context.Context, do func(context.Context, io.Reader, io.Writer) error, stdin io.Reader, stdout io.Writer) int {
	err := sbom.Confine(catalogLimit, stdout)
	if err == nil {
		err = do(ctx, stdin, stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// secretVariables are those of the job that hold secrets.
var secretVariables = []string{"INPUT_REGISTRY-PASSWORD", "INPUT_GITHUB-TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN"}

// recovered, deferred, turns a panic into the error of a run.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic: %v", r)
	}
}

// warnOfForeignCode says what is at stake where a job with the rights of the repository may have run
// code of a pull request.
// Source: https://docs.github.com/actions/reference/security/secure-use#mitigating-the-risks-of-untrusted-code-checkout
func warnOfForeignCode(ctx context.Context, job *runner.Job, event string) {
	if event == "pull_request_target" {
		job.Log().WarnContext(ctx, "This run is for pull_request_target, so it signs as the workflow of the base branch. If a step of this job has checked out "+
			"the pull request, its code can use the identity and the tokens of the job. Build pull requests in a workflow on pull_request, without id-token: write, and seal on push.")
	}
}

// workFolder makes a folder of this run in temp, which the image, made from scratch, lacks
// where the runner mounts none.
func workFolder(temp string) (string, error) {
	const passable = 0o711 // the child, another user, passes through and can list nothing
	if info, err := os.Stat(temp); err == nil && info.Mode().Perm()&0o001 == 0 && os.Geteuid() == 0 {
		temp = os.TempDir() // a runner with a umask of 077
	}
	if err := os.MkdirAll(temp, passable); err != nil {
		return "", noTemp(temp, err)
	}
	work, err := os.MkdirTemp(temp, "seal-image-")
	if err != nil {
		return "", noTemp(temp, err)
	}
	return work, os.Chmod(work, passable)
}

func noTemp(temp string, err error) error {
	return &problem.Problem{
		Code: problem.RunnerFiles,
		What: fmt.Sprintf("No folder can be made in %s, the temporary folder of the job.", temp),
		Why:  err.Error(),
		Fix:  "Check the free space and the free inodes of the runner, and who may write there.",
		Err:  err,
	}
}
