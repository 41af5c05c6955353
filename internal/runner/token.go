package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	actions "github.com/sethvargo/go-githubactions"

	"seal-image/internal/problem"
	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

// tokenWaits are the pauses between asking for a token, where the endpoint answers
// without giving one. Statuses of 5xx and 429 are the transport's to retry.
var tokenWaits = []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second}

// errSlowToken is a token that did not come in time.
var errSlowToken = errors.New("there was no token within " + tokenLimit.String())

// errNoToken is an answer 200 without a token in it.
var errNoToken = errors.New("the answer has no token")

// tokenLimit is the time for a token, with all that is tried.
const tokenLimit = time.Minute

// IDToken asks GitHub for an OIDC token of this job and masks it. Tokens live for five
// minutes, so it is asked for anew each time.
// Source: https://docs.github.com/actions/reference/security/oidc
func (j *Job) IDToken(ctx context.Context, audience string) (secret.String, error) {
	limited, cancel := context.WithTimeoutCause(ctx, tokenLimit, errSlowToken)
	defer cancel()
	token, err := j.ask(limited, audience)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return secret.String{}, context.Cause(ctx)
	case limited.Err() != nil:
		err = fmt.Errorf("%w: %w", errSlowToken, err)
	}
	return secret.String{}, tokenProblem(err)
}

// ask asks until there is a token.
func (j *Job) ask(ctx context.Context, audience string) (secret.String, error) {
	var err error
	for _, wait := range tokenWaits {
		if waitErr := transport.Wait(ctx, wait); waitErr != nil {
			return secret.String{}, errors.Join(waitErr, err)
		}
		var token string
		token, err = j.action.GetIDToken(ctx, audience)
		if err == nil && token == "" {
			err = errNoToken
		}
		if err == nil {
			s := secret.New(token)
			j.Mask(s)
			return s, nil
		}
		if !transient(err) {
			break
		}
		j.log.DebugContext(ctx, "no token yet: "+err.Error())
	}
	return secret.String{}, err
}

// transient recognises answers that are known to get better: an empty or non-JSON body
// of a proxy, and the refusal of a job that GitHub does not see running yet.
func transient(err error) bool {
	var syntax *json.SyntaxError
	if errors.Is(err, errNoToken) || errors.As(err, &syntax) {
		return true
	}
	failed, ok := errors.AsType[*actions.RequestFailedError](err)
	return ok && failed.StatusCode == http.StatusForbidden && strings.Contains(failed.Body, "state")
}

func tokenProblem(err error) error {
	if _, ok := errors.AsType[*actions.EnvMissingError](err); ok {
		return &problem.Problem{
			Code: problem.IDTokenPermission,
			What: "GitHub offers this job no OIDC token.",
			Why:  "The job lacks the permission id-token: write, or it runs for a pull request from a fork or from Dependabot, which never gets one.",
			Fix:  "Add to the job\n  permissions:\n    contents: read\n    packages: write\n    id-token: write\nand run it on push, not on pull requests from forks. A reusable workflow needs the permission in the calling job too.",
			Err:  err,
		}
	}
	why := "The token endpoint gave no usable answer."
	slow := errors.Is(err, errSlowToken)
	if slow {
		why = fmt.Sprintf("The token endpoint gave none within %s.", tokenLimit)
	}
	if failed, ok := errors.AsType[*actions.RequestFailedError](err); ok {
		why = fmt.Sprintf("The token endpoint answered %d.", failed.StatusCode)
	}
	if failed, ok := errors.AsType[*transport.StatusError](err); ok {
		why = fmt.Sprintf("The token endpoint kept answering %d", failed.Status)
		if slow {
			why += fmt.Sprintf(", for %s, which is the limit", tokenLimit)
		}
		why += "."
	}
	fix := "Run the job again; if it lasts, look at https://www.githubstatus.com."
	if blocked, advice := transport.Blocked(err); blocked != "" {
		why, fix = blocked, advice
	}
	return &problem.Problem{
		Code: problem.IDTokenRequest,
		What: "GitHub gave this job no OIDC token.",
		Why:  why,
		Fix:  fix,
		Err:  err,
	}
}
