package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// A purpose is what an input asks of the API, in the words of the texts about its failure.
type purpose struct {
	code       problem.Code
	what       string // one sentence: what did not work
	input      string // that asks for it
	permission string // of the job, e.g. "contents: write"
}

// sealedAlready ends every reason: the API comes last.
const sealedAlready = " The image is sealed all the same."

func (p purpose) explain(err error) error { return p.problem(err, p.advice(err)) }

func (p purpose) problem(err error, a advice) error {
	return &problem.Problem{Code: p.code, What: p.what, Why: a.why + sealedAlready, Fix: a.fix, Err: err}
}

func (p purpose) advice(err error) advice {
	var slow slowError
	failed, answered := errors.AsType[*apiError](err)
	off := p.off()
	switch {
	case errors.Is(err, ErrLacking):
		return advice{"The server does not have this API: it answered 404" + said(failed) + ".", "Write below `with:`\n  " + p.input + ": false"}
	case errors.Is(err, errUnseen):
		return advice{
			"The token of the input `github-token` does not see the repository: GitHub's API answered 404" + said(failed) + ".",
			"Leave `github-token` out: the job's own token sees it. A token of your own needs the repository, and\n  " + p.permission,
		}
	case errors.As(err, &slow):
		return advice{"It took longer than " + slow.limit.String() + ".", again + off}
	case errors.Is(err, errAPIAnswer):
		return advice{"GitHub's API gave an answer that makes no sense.", again + off}
	case answered:
		return p.adviceFor(failed)
	default:
		return unreached("GitHub's API", "api.github.com and uploads.github.com", err, off)
	}
}

// unreached is for a service that has not answered.
func unreached(service, hosts string, err error, off string) advice {
	if why, fix := transport.Blocked(err); why != "" {
		return advice{service + " was not reached. " + why, fix + "\n" + off}
	}
	return advice{
		service + " was not reached: " + err.Error() + ".",
		"A runner of your own must reach the hosts of GitHub, " + hosts + " among them; a proxy is named by HTTPS_PROXY. " + off,
	}
}

func (p purpose) off() string { return "Or write below `with:`\n  " + p.input + ": false" }

// adviceFor is for a refusal.
func (p purpose) adviceFor(failed *apiError) advice {
	off := p.off()
	switch {
	case failed.Status == http.StatusUnauthorized:
		return advice{
			"GitHub's API does not accept the token of the input `github-token`" + said(failed) + ".",
			"Leave `github-token` out, for the job's own token. A token of your own may have expired.",
		}
	case failed.limited:
		return advice{
			fmt.Sprintf("GitHub's API has had too many requests by this token: it answered %d%s.", failed.Status, said(failed)),
			"Run the job again in an hour at the latest. Jobs of the repository that run at the same time share the limit of its token. " + off,
		}
	case failed.Status == http.StatusForbidden:
		return advice{
			"The job's token may not do that" + said(failed) + ".",
			"Add to the permissions of the job\n  permissions:\n    " + p.permission +
				"\nA reusable workflow needs it in the calling job too; a pull request from a fork never gets it. " + off,
		}
	case failed.Status == http.StatusNotFound:
		return advice{
			"GitHub's API does not have it, or does not show it to the job's token: it answered 404" + said(failed) + ".",
			"Check that it was not deleted meanwhile, and that the job has\n  permissions:\n    " + p.permission + "\n" + off,
		}
	case failed.Status >= http.StatusInternalServerError:
		return advice{fmt.Sprintf("GitHub's API kept answering %d%s.", failed.Status, said(failed)), again + off}
	case failed.Status == http.StatusConflict, failed.Status == http.StatusUnprocessableEntity:
		return advice{fmt.Sprintf("GitHub's API refuses what it was sent: it answered %d%s.", failed.Status, said(failed)), again + off}
	default:
		return advice{fmt.Sprintf("GitHub's API answered %d%s.", failed.Status, said(failed)), again + off}
	}
}

// said are the words of a refusal, in brackets.
func said(failed *apiError) string {
	if failed == nil || failed.Message == "" {
		return ""
	}
	return " (" + failed.Message + ")"
}

// A slowError is work that took longer than its limit.
type slowError struct{ limit time.Duration }

func (e slowError) Error() string { return "it took longer than " + e.limit.String() }

// inTime does work within a limit and has its failure explained, but not the end of ctx.
func inTime(ctx context.Context, limit time.Duration, work func(context.Context) error, explain func(error) error) error {
	slow := slowError{limit}
	limited, cancel := context.WithTimeoutCause(ctx, limit, slow)
	defer cancel()
	err := work(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return transport.Ended(ctx, err)
	case limited.Err() != nil:
		err = slow
	}
	return explain(err)
}
