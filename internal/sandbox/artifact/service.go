// Package artifact is GitHub's artifact service of version 4 for one run of a workflow: the
// Twirp methods by which a job opens and closes an artifact, and the blob storage that takes
// its content.
//
// https://github.com/actions/toolkit/tree/main/packages/artifact
package artifact

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A Run is the run and the job that a runtime token is for, by the ids of GitHub's backend.
type Run struct{ ID, Job string }

// NewRun makes up ids.
func NewRun() Run { return Run{ID: uuid(), Job: uuid()} }

// Scope is what the runtime token of the job says of it, beside other scopes.
func (r Run) Scope() string { return "Actions.Results:" + r.ID + ":" + r.Job }

// An Artifact is one that a job has opened.
type Artifact struct {
	ID        int64      `json:"id"` // 0: not closed, and seen by nobody
	Name      string     `json:"name"`
	Size      int        `json:"size"`
	Hash      string     `json:"hash"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`

	job  string
	blob *blob
}

// A Service holds the artifacts of one run.
type Service struct {
	run    Run
	scopes func(token string) ([]string, error) // of a runtime token that is valid

	mu        sync.Mutex
	artifacts []*Artifact // in the order of their creation
	lastID    int64
}

// New makes the service of a run. scopes verifies a runtime token and returns its scopes.
func New(run Run, scopes func(token string) ([]string, error)) *Service {
	return &Service{run: run, scopes: scopes, lastID: 4_000_000_000} // ids need 64 bits
}

// find is the artifact that has the name. s.mu is locked.
func (s *Service) find(name string) *Artifact {
	for _, a := range s.artifacts {
		if a.Name == name {
			return a
		}
	}
	return nil
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// legal reports whether GitHub takes a name.
func legal(name string) bool {
	return name != "" && !strings.ContainsAny(name, "\":<>|*?\r\n\\/")
}
