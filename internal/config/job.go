package config

import (
	"cmp"
	"net/url"
	"os"
	"strconv"
	"strings"

	"seal-image/internal/secret"
)

// Job is what the runner says of the job, as far as the action needs it.
// Source: https://docs.github.com/actions/reference/workflows-and-actions/variables
type Job struct {
	ServerURL string // e.g. https://github.com, without trailing slash
	Workspace string // absolute path of the checked out repository
	Temp      string // absolute path of a folder for this job; the system's where the runner mounts none
	Actor     string // login of who started the run
	RunURL    string // the page of the run; "" if the runner does not say which it is
	Action    string // this action as the step names it, e.g. "acme/seal-image@v1"; "" if the runner does not say
	ID        string // of the job in its workflow, which all jobs of a matrix share

	Repository string // whose workflow runs, as owner/name
	Workflow   string // its name, or its path if it has none
	RunID      string
	Ref        string // that started the run, e.g. refs/tags/v1
	SHA        string // its commit
	Event      string // that started the run, e.g. push
	ReleaseID  int64  // of the release whose event started the run; 0 if another did
	// HeadSHA is the last commit of the pull request, where the run is for one and SHA is a
	// merge that is in no branch.
	HeadSHA string
	// ActionURL is the repository of the action, or that of the workflow where the action is
	// used from there.
	ActionURL string

	// APIURL is GitHub's REST API, without trailing slash; Token, the input `github-token`, is
	// for it. Empty where there is none.
	APIURL string
	Token  secret.String

	// ResultsURL and RuntimeToken lead to the services of the run; empty where the server has
	// none for a container action.
	ResultsURL   string
	RuntimeToken secret.String
	// MaxRetention of artifacts, in days, that the repository allows; 0 if unknown.
	MaxRetention int

	// Visibility of the repository by the event that started the run: "public",
	// "private", "internal", or "" if the event does not say.
	Visibility string
	// Author of the documents, as SPDX writes a creator: "Organization: acme"; empty if unknown.
	Author string
}

func (r *reader) job() Job {
	event := readEvent(r.getenv("GITHUB_EVENT_PATH"))
	job := Job{
		ServerURL: cmp.Or(strings.TrimRight(r.getenv("GITHUB_SERVER_URL"), "/"), "https://github.com"),
		Workspace: r.workspace,
		Temp:      r.temp(),
		Actor:     r.getenv("GITHUB_ACTOR"),
		ID:        r.getenv("GITHUB_JOB"),

		Repository: r.getenv("GITHUB_REPOSITORY"),
		Workflow:   r.getenv("GITHUB_WORKFLOW"),
		RunID:      r.getenv("GITHUB_RUN_ID"),
		Ref:        r.getenv("GITHUB_REF"),
		SHA:        r.getenv("GITHUB_SHA"),
		Event:      r.getenv("GITHUB_EVENT_NAME"),
		ReleaseID:  event.Release.ID,
		HeadSHA:    event.head(r.getenv("GITHUB_EVENT_NAME")),

		APIURL: cmp.Or(strings.TrimRight(r.getenv("GITHUB_API_URL"), "/"), "https://api.github.com"),
		Token:  secret.New(r.text("github-token")),

		ResultsURL:   r.getenv("ACTIONS_RESULTS_URL"),
		RuntimeToken: secret.New(r.getenv("ACTIONS_RUNTIME_TOKEN")),

		Visibility: event.visibility(),
		Author:     event.author(r.getenv("GITHUB_REPOSITORY_OWNER")),
	}
	job.MaxRetention, _ = strconv.Atoi(r.getenv("GITHUB_RETENTION_DAYS")) // 0 is unknown
	if job.Repository != "" && job.RunID != "" {
		job.RunURL = job.ServerURL + "/" + job.Repository + "/actions/runs/" + job.RunID
	}
	r.action(&job)
	return job
}

// action sets what the runner says of this action.
func (r *reader) action(job *Job) {
	repository, ref := r.getenv("GITHUB_ACTION_REPOSITORY"), r.getenv("GITHUB_ACTION_REF")
	if repository != "" && ref != "" {
		job.Action = repository + "@" + ref
	}
	if named := cmp.Or(repository, job.Repository); named != "" {
		job.ActionURL = job.ServerURL + "/" + named
	}
}

// temp is a folder that is there. Runners before v2.328 name one that they do not mount:
// https://github.com/actions/runner/pull/4011
func (r *reader) temp() string {
	dir := r.getenv("RUNNER_TEMP")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return os.TempDir()
	}
	return dir
}

// Tag is the one that started the run, or ""; a release starts the run of its tag.
func (j Job) Tag() string {
	if tag, ok := strings.CutPrefix(j.Ref, "refs/tags/"); ok {
		return tag
	}
	return ""
}

// containerRegistry is the host whose packages the job's token can read and write.
func (j Job) containerRegistry() string {
	if j.ServerURL == "https://github.com" {
		return "ghcr.io"
	}
	if u, err := url.Parse(j.ServerURL); err == nil {
		return "containers." + u.Host
	}
	return ""
}
