package github

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

const (
	artifactService = "/twirp/github.actions.results.api.v1.ArtifactService/"
	// protocolVersion is the oldest that stores zip files. Newer ones add fields which act,
	// the runner for one's own machine, refuses.
	protocolVersion = 4
	maxAnswerBytes  = 1 << 20
)

var (
	errNoService = errors.New("ACTIONS_RESULTS_URL or ACTIONS_RUNTIME_TOKEN is missing")
	errScope     = errors.New("the runtime token has no scope Actions.Results:RUN:JOB")
	errAnswer    = errors.New("the artifact service gave an answer that makes no sense")
)

// results is the service that knows of artifacts, as this job sees it.
type results struct {
	base      string // scheme and host
	token     secret.String
	run, job  string // ids of GitHub's backend, which are nowhere else
	transport http.RoundTripper
}

// service finds out what can be known without a request.
func (a *Artifacts) service() (*results, error) {
	o := a.options
	if o.ResultsURL == "" || o.Token.Empty() {
		return nil, errNoService
	}
	u, err := url.Parse(o.ResultsURL)
	if err != nil || u.Host == "" {
		return nil, errNoService
	}
	r := &results{base: u.Scheme + "://" + u.Host, token: o.Token, transport: o.Transport}
	r.run, r.job, err = backendIDs(o.Token)
	return r, err
}

// backendIDs reads the runtime token, a JWT, without a look at its signature: the service is
// who must believe it.
func backendIDs(token secret.String) (run, job string, err error) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return "", "", errScope
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return "", "", errScope
	}
	var claims struct {
		Scopes string `json:"scp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", "", errScope
	}
	for scope := range strings.FieldsSeq(claims.Scopes) {
		if ids := strings.Split(scope, ":"); len(ids) == 3 && ids[0] == "Actions.Results" {
			return ids[1], ids[2], nil
		}
	}
	return "", "", errScope
}

// call is what the methods of the service are sent.
type call struct {
	RunID      string     `json:"workflow_run_backend_id"`
	JobID      string     `json:"workflow_job_run_backend_id"`
	Name       string     `json:"name,omitempty"`
	Version    int        `json:"version,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	Size       string     `json:"size,omitempty"`
	Hash       string     `json:"hash,omitempty"`
	NameFilter string     `json:"name_filter,omitempty"`
}

// answer has GitHub's spelling of the fields, and that of other servers. A number may be in a
// string.
type answer struct {
	OK        bool        `json:"ok"`
	URL       string      `json:"signed_upload_url"`
	CamelURL  string      `json:"signedUploadUrl"`
	ID        json.Number `json:"artifact_id"`
	CamelID   json.Number `json:"artifactId"`
	Artifacts []listed    `json:"artifacts"`
}

type listed struct {
	Name       string      `json:"name"`
	JobID      string      `json:"workflow_job_run_backend_id"`
	CamelJobID string      `json:"workflowJobRunBackendId"`
	ID         json.Number `json:"database_id"`
	CamelID    json.Number `json:"databaseId"`
}

// create opens an artifact and returns the URL that its content can be put to, a credential.
func (r *results) create(ctx context.Context, name string, expires time.Time) (secret.String, error) {
	c := call{Name: name, Version: protocolVersion}
	if !expires.IsZero() {
		expires = expires.UTC().Truncate(time.Second)
		c.ExpiresAt = &expires
	}
	got, err := r.ask(ctx, "CreateArtifact", c)
	if err != nil {
		return secret.String{}, err
	}
	signed := secret.New(got.URL + got.CamelURL)
	if !got.OK || signed.Empty() {
		return secret.String{}, errAnswer
	}
	return signed, nil
}

// finalize closes an artifact, which is then seen in the run, and returns its id. A call whose
// answer was lost is sent again, and refused then: the list tells whether the first one did it.
func (r *results) finalize(ctx context.Context, name string, size int, hash string) (int64, error) {
	got, err := r.ask(ctx, "FinalizeArtifact", call{Name: name, Size: strconv.Itoa(size), Hash: hash})
	if failed, ok := errors.AsType[*transport.StatusError](err); ok && (failed.Status == http.StatusNotFound || failed.Status == http.StatusConflict) {
		if id, found := r.closed(ctx, name); found {
			return id, nil
		}
		return 0, closeError{err}
	}
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(string(got.ID+got.CamelID), 10, 64)
	if err != nil || !got.OK {
		return 0, errAnswer
	}
	return id, nil
}

// A closeError is the refusal to close what this job has opened.
type closeError struct{ error }

func (e closeError) Unwrap() error { return e.error }

// closed looks for an artifact that this job has closed.
func (r *results) closed(ctx context.Context, name string) (id int64, ok bool) {
	got, err := r.ask(ctx, "ListArtifacts", call{NameFilter: name})
	if err != nil {
		return 0, false
	}
	for _, a := range got.Artifacts {
		if a.Name == name && a.JobID+a.CamelJobID == r.job {
			id, err := strconv.ParseInt(string(a.ID+a.CamelID), 10, 64)
			return id, err == nil
		}
	}
	return 0, false
}

func (r *results) ask(ctx context.Context, method string, c call) (*answer, error) {
	c.RunID, c.JobID = r.run, r.job
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the call of %s: %w", method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+artifactService+method, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request for %s: %w", method, err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	// Without [http.Client], no redirect takes the token elsewhere.
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, transport.NewStatusError(resp)
	}
	defer resp.Body.Close()
	var got answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswerBytes)).Decode(&got); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return &got, nil
}

// isTaken reports whether the run has an artifact of that name already.
func isTaken(err error) bool {
	failed, ok := errors.AsType[*transport.StatusError](err)
	return ok && failed.Status == http.StatusConflict
}
