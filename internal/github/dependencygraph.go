package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"seal-image/internal/problem"
)

const (
	// snapshotLimit is the time for one snapshot, retries included. A server that takes one
	// needs seconds.
	snapshotLimit = 3 * time.Minute
	// maxSnapshot bounds the body, a hundred thousand packages. GitHub documents no limit; of
	// 25 MB, its page of the graph has been seen to give up.
	// Source: https://github.com/gradle/gradle-build-action/issues/791
	maxSnapshot = 16 << 20
)

var (
	errGraphOff = errors.New("the dependency graph is off")
	errInvalid  = errors.New("the snapshot is invalid")
)

// A snapshotSizeError is a snapshot that is too large, by its bytes.
type snapshotSizeError int

func (e snapshotSizeError) Error() string { return fmt.Sprintf("the snapshot has %d bytes", int(e)) }

// SubmitSnapshot gives a snapshot to the dependency graph. Its errors are problems, but for the
// cause of ctx; one has [ErrLacking] in its chain where there is no graph.
// Source: https://docs.github.com/rest/dependency-graph/dependency-submission
func (a *API) SubmitSnapshot(ctx context.Context, n *Snapshot) error {
	return inTime(ctx, snapshotLimit, func(ctx context.Context) error { return a.submit(ctx, n) }, explainSnapshot)
}

func (a *API) submit(ctx context.Context, n *Snapshot) error {
	var body bytes.Buffer
	encode := json.NewEncoder(&body)
	encode.SetEscapeHTML(false) // package URLs have ampersands
	if err := encode.Encode(n); err != nil {
		return fmt.Errorf("encode the snapshot: %w", err)
	}
	if body.Len() > maxSnapshot {
		return snapshotSizeError(body.Len())
	}
	var answer struct{ Result, Message string }
	_, err := a.send(ctx, apiRequest{
		method: http.MethodPost, url: a.of("/dependency-graph/snapshots"), mediaType: "application/json", content: body.Bytes(),
	}, &answer)
	switch {
	case isNotFound(err) && strings.Contains(err.Error(), "Dependency graph is disabled"):
		return fmt.Errorf("%w: %w: %w", errGraphOff, ErrLacking, err)
	case isNotFound(err):
		return a.missing(ctx, err)
	case err != nil:
		return err
	case answer.Result == "SUCCESS", answer.Result == "ACCEPTED": // the latter for another branch than the default one
		return nil
	case answer.Result == "":
		return errAPIAnswer
	}
	words := answer.Result + ", " + answer.Message
	return fmt.Errorf("%w: %s", errInvalid, strings.ToValidUTF8(words[:min(len(words), maxWords)], ""))
}

func explainSnapshot(err error) error {
	p := purpose{
		code: problem.SnapshotFailed, what: "The packages could not be submitted to the dependency graph.",
		input: "dependency-snapshot", permission: "contents: write",
	}
	const leave = "Leave the packages that it names out by `exclude` or `catalogers`. "
	off := p.off()
	failed, refused := errors.AsType[*apiError](err)
	var size snapshotSizeError
	switch {
	case errors.As(err, &size):
		return p.problem(err, advice{
			fmt.Sprintf("It would be %.1f MiB, and GitHub's graph cannot show that much: this action sends %d MiB at most.", float64(size)/(1<<20), maxSnapshot>>20),
			"Select what counts by `catalogers`, `exclude` or `platforms`. " + off,
		})
	case errors.Is(err, errGraphOff):
		return p.problem(err, advice{
			"The repository has its dependency graph turned off" + said(failed) + ".",
			"Turn it on in the repository's settings under Advanced Security. " + off,
		})
	case errors.Is(err, errInvalid):
		return p.problem(err, advice{"GitHub's API does not take them: " + err.Error() + ".", leave + off})
	case refused && failed.Status == http.StatusUnprocessableEntity:
		return p.problem(err, advice{"GitHub's API does not take them" + said(failed) + ".", leave + off})
	}
	return p.explain(err)
}
