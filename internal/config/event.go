package config

import (
	"encoding/json"
	"io"
	"os"
)

// maxEventBytes bounds the event file: GitHub caps a webhook payload at 25 MB.
const maxEventBytes = 32 << 20

// event is what is read of the event that started the run.
type event struct {
	Release struct {
		ID int64 `json:"id"`
	} `json:"release"`
	Repository struct {
		Visibility string `json:"visibility"`
		Private    *bool  `json:"private"`
		Owner      struct {
			Type string `json:"type"`
		} `json:"owner"`
	} `json:"repository"`
	PullRequest struct {
		Head struct {
			SHA string `json:"sha"`
		} `json:"head"`
	} `json:"pull_request"`
}

// readEvent is the zero event if there is no file of JSON.
func readEvent(path string) (e event) {
	f, err := os.Open(path)
	if err != nil {
		return event{}
	}
	defer f.Close()
	if json.NewDecoder(io.LimitReader(f, maxEventBytes)).Decode(&e) != nil {
		return event{}
	}
	return e
}

// visibility of the repository; older servers have only repository.private. An event
// without either, e.g. schedule, says nothing.
func (e event) visibility() string {
	switch repo := e.Repository; {
	case repo.Visibility != "":
		return repo.Visibility
	case repo.Private != nil && *repo.Private:
		return "private"
	case repo.Private != nil:
		return "public"
	}
	return ""
}

// author is who answers for what the workflows of a repository make: its owner, as SPDX
// names a creator; "" if the runner does not say who that is.
func (e event) author(owner string) string {
	switch {
	case owner == "":
		return ""
	case e.Repository.Owner.Type == "User":
		return "Person: " + owner
	default:
		return "Organization: " + owner
	}
}

// head is the last commit of a pull request; "" for other events, pull_request_target among
// them, whose commit is that of the base branch.
// Source: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
func (e event) head(name string) string {
	switch name {
	case "pull_request", "pull_request_review", "pull_request_review_comment":
		return e.PullRequest.Head.SHA
	default:
		return ""
	}
}
