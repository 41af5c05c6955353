// Package github speaks with the services that GitHub has around the run of a workflow: the
// artifact service, and the REST API. It signs nothing and knows no registry.
package github

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/secret"
)

const (
	// uploadLimit is the time for an artifact, retries included: a megabyte, most often.
	uploadLimit = 3 * time.Minute
	// maxName bounds a name that we make. A file's name, which it becomes, has 255 bytes.
	maxName      = 250
	suffixLength = 8
)

// Options of [NewArtifacts].
type Options struct {
	ResultsURL string        // of the artifact service; empty where there is none
	Token      secret.String // the job's, for the services of its run
	RunURL     string        // page of the run
	Job        string        // id in the workflow, shared by all jobs of a matrix
	Transport  http.RoundTripper
	Mask       func(...secret.String) // called with each credential that a service hands out
}

// Artifacts are those of one run. It speaks version 4 of the protocol, which GitHub has not
// documented; its source is @actions/artifact.
// Source: https://github.com/actions/toolkit/tree/main/packages/artifact
type Artifacts struct{ options Options }

// NewArtifacts makes no request.
func NewArtifacts(o Options) *Artifacts { return &Artifacts{options: o} }

// An Upload is an artifact to be.
type Upload struct {
	Name      string
	Fixed     bool // the user's own name: where it is taken, no other will do
	Files     map[string][]byte
	ExpiresAt time.Time // zero: when the repository says
}

// Upload stores the files as one zip file. Its errors are problems, but for the cause of ctx.
func (a *Artifacts) Upload(ctx context.Context, u Upload) (*attest.Artifact, error) {
	var artifact *attest.Artifact
	err := inTime(ctx, uploadLimit, func(ctx context.Context) (err error) {
		artifact, err = a.upload(ctx, u)
		return err
	}, func(err error) error { return explain(u, err) })
	return artifact, err
}

func (a *Artifacts) upload(ctx context.Context, u Upload) (*attest.Artifact, error) {
	service, err := a.service()
	if err != nil {
		return nil, err
	}
	content, err := archive(u.Files)
	if err != nil {
		return nil, err
	}
	signed, err := service.create(ctx, u.Name, u.ExpiresAt)
	if isTaken(err) && !u.Fixed {
		u.Name = a.another(u.Name)
		signed, err = service.create(ctx, u.Name, u.ExpiresAt)
	}
	if err != nil {
		return nil, err
	}
	if err := a.storage(signed).put(ctx, content); err != nil {
		return nil, err
	}
	id, err := service.finalize(ctx, u.Name, len(content), digestOf(content))
	if err != nil {
		return nil, err
	}
	return &attest.Artifact{ID: id, Name: u.Name, URL: a.options.RunURL + "/artifacts/" + strconv.FormatInt(id, 10)}, nil
}

// another is the name with the job and a suffix of chance: names are unique in a run, jobs of a
// matrix have one id, and one job can seal an image twice.
func (a *Artifacts) another(name string) string {
	suffix := "-" + strings.ToLower(rand.Text()[:suffixLength])
	if a.options.Job != "" {
		suffix = "-" + a.options.Job + suffix
	}
	return name[:max(0, min(len(name), maxName-len(suffix)))] + suffix
}
