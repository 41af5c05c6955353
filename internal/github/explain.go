package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// advice is cause and fix of a failure.
type advice struct{ why, fix string }

const (
	artifactOff = "Or write below `with:`\n  upload-artifact: false"
	again       = "Run the job again; if it lasts, look at https://www.githubstatus.com. "
	other       = "Write below `with:`\n  upload-artifact: false\nand let a later step keep the folder of output-dir, e.g. actions/upload-artifact@v3 with `include-hidden-files: true`."
)

// explain tells the user why an artifact is missing. No `permissions:` line governs artifacts,
// so none is named.
func explain(u Upload, err error) error {
	a := adviceFor(u, err)
	return &problem.Problem{
		Code: problem.ArtifactFailed,
		What: fmt.Sprintf("The artifact %s could not be uploaded.", u.Name),
		Why:  a.why,
		Fix:  a.fix,
		Err:  err,
	}
}

func adviceFor(u Upload, err error) advice {
	var atStorage storageError
	var atClose closeError
	var slow slowError
	failed, answered := errors.AsType[*transport.StatusError](err)
	switch {
	case errors.Is(err, errNoService):
		return advice{
			"The runner names no artifact service (ACTIONS_RESULTS_URL and ACTIONS_RUNTIME_TOKEN): it is an old one, or the server, GitHub Enterprise Server most often, has no artifacts of version 4.",
			other,
		}
	case errors.Is(err, errScope):
		return advice{"The job's ACTIONS_RUNTIME_TOKEN is for no run of the artifact service: it has no scope Actions.Results.", other}
	case errors.As(err, &slow):
		return advice{"The upload took longer than " + slow.limit.String() + ".", again + artifactOff}
	case errors.Is(err, errAnswer):
		return advice{"The artifact service gave an answer that makes no sense.", again + artifactOff}
	case errors.As(err, &atStorage):
		return adviceForStorage(failed, err)
	case errors.As(err, &atClose):
		return advice{fmt.Sprintf("The artifact service does not take what was uploaded: it answered %d%s.", failed.Status, words(failed)), again + artifactOff}
	case answered:
		return adviceForStatus(u, failed)
	default:
		return unreached("The artifact service", "*.actions.githubusercontent.com", err, artifactOff)
	}
}

// adviceForStatus is for an answer of the artifact service.
func adviceForStatus(u Upload, failed *transport.StatusError) advice {
	said := words(failed)
	switch {
	// https://github.com/actions/toolkit/pull/1605
	case strings.Contains(failed.Message, "insufficient usage"):
		return advice{
			"The account has no storage for artifacts left. GitHub counts it again every 6 to 12 hours.",
			"Delete old artifacts, raise the budget in the account's settings under Billing, or keep them for a shorter time, e.g.\n  upload-artifact-retention: 7\n" + artifactOff,
		}
	case failed.Status == http.StatusConflict && u.Fixed:
		return advice{
			"This run has an artifact of that name already: another job of the matrix, or another step, has uploaded it.",
			"Give each job and step a name of its own, e.g.\n  artifact-name: sbom-${{ strategy.job-index }}",
		}
	case failed.Status == http.StatusConflict:
		return advice{"This run has an artifact of that name already.", "Give it another one, e.g.\n  artifact-name: sbom-${{ github.run_attempt }}"}
	case failed.Status == http.StatusUnauthorized:
		return advice{"The artifact service does not accept the job's token" + said + ".", again + artifactOff}
	case failed.Status == http.StatusForbidden:
		return advice{
			"The artifact service refuses this job" + said + ". That is no matter of `permissions:`.",
			"Check that the organization's IP allow list and the proxy let the runner through, and run the job again.\n" + artifactOff,
		}
	case failed.Status == http.StatusNotFound:
		return advice{"The server has no artifact service of version 4, or has it elsewhere: it answered 404" + said + ".", other}
	case failed.Status == http.StatusTooManyRequests, failed.Status >= http.StatusInternalServerError:
		return advice{fmt.Sprintf("The artifact service kept answering %d%s.", failed.Status, said), again + artifactOff}
	default:
		return advice{fmt.Sprintf("The artifact service answered %d%s.", failed.Status, said), again + artifactOff}
	}
}

// adviceForStorage is for what became of the content; failed is nil without an answer.
func adviceForStorage(failed *transport.StatusError, err error) advice {
	switch {
	case failed == nil:
		return unreached("The storage for artifacts", "*.blob.core.windows.net", err, artifactOff)
	case failed.Status == http.StatusForbidden:
		return advice{
			"The storage for artifacts refuses the upload" + words(failed) + ".",
			"Check that the clock of the runner is right and that no proxy changes the request, and run the job again.\n" + artifactOff,
		}
	case failed.Status == http.StatusTooManyRequests, failed.Status >= http.StatusInternalServerError:
		return advice{fmt.Sprintf("The storage for artifacts kept answering %d.", failed.Status), again + artifactOff}
	default:
		return advice{fmt.Sprintf("The storage for artifacts answered %d%s.", failed.Status, words(failed)), again + artifactOff}
	}
}

// words are what a server said, in brackets: Twirp's msg, or the text as it is.
func words(failed *transport.StatusError) string {
	var twirp struct {
		Msg string `json:"msg"`
	}
	said := failed.Message
	if json.Unmarshal([]byte(said), &twirp) == nil && twirp.Msg != "" {
		said = transport.Unsigned(twirp.Msg)
	}
	if said == "" {
		return ""
	}
	return " (" + said + ")"
}
