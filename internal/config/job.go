package config

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"strings"
)

// Job is what the runner says of the job, as far as the action needs it.
// Source: https://docs.github.com/actions/reference/workflows-and-actions/variables
type Job struct {
	ServerURL string // e.g. https://github.com, without trailing slash
	Workspace string // absolute path of the checked out repository
	Temp      string // absolute path of a folder for this job; the system's where the runner mounts none
	Actor     string // login of who started the run
	// Visibility of the repository by the event that started the run: "public",
	// "private", "internal", or "" if the event does not say.
	Visibility string
}

func (r *reader) job() Job {
	job := Job{
		ServerURL:  strings.TrimRight(r.getenv("GITHUB_SERVER_URL"), "/"),
		Workspace:  r.workspace,
		Temp:       r.getenv("RUNNER_TEMP"),
		Actor:      r.getenv("GITHUB_ACTOR"),
		Visibility: visibility(r.getenv("GITHUB_EVENT_PATH")),
	}
	if job.ServerURL == "" {
		job.ServerURL = "https://github.com"
	}
	// Runners before v2.328 name a folder that they do not mount:
	// https://github.com/actions/runner/pull/4011
	if info, err := os.Stat(job.Temp); err != nil || !info.IsDir() {
		job.Temp = os.TempDir()
	}
	return job
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

// maxEventBytes bounds the event file: GitHub caps a webhook payload at 25 MB.
const maxEventBytes = 32 << 20

// visibility reads repository.visibility of the event; older servers have only
// repository.private. An event without either, e.g. schedule, says nothing.
func visibility(eventPath string) string {
	f, err := os.Open(eventPath)
	if err != nil {
		return ""
	}
	defer f.Close()
	var event struct {
		Repository struct {
			Visibility string `json:"visibility"`
			Private    *bool  `json:"private"`
		} `json:"repository"`
	}
	if json.NewDecoder(io.LimitReader(f, maxEventBytes)).Decode(&event) != nil {
		return ""
	}
	switch repo := event.Repository; {
	case repo.Visibility != "":
		return repo.Visibility
	case repo.Private != nil && *repo.Private:
		return "private"
	case repo.Private != nil:
		return "public"
	}
	return ""
}
