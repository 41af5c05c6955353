package sigstore

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// runClaims are those that provenance states and nothing else needs.
type runClaims struct {
	WorkflowRef       optional `json:"workflow_ref"`
	EventName         optional `json:"event_name"`
	RepositoryID      optional `json:"repository_id"`
	RepositoryOwnerID optional `json:"repository_owner_id"`
	RunnerEnvironment optional `json:"runner_environment"`
	RunID             optional `json:"run_id"`
	RunAttempt        optional `json:"run_attempt"`
}

// optional is a claim that may be missing, as one that is not text is.
type optional string

func (o *optional) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*o = optional(text)
	}
	return nil
}

// run is the run of the workflow, all of it or an error.
func (c *claims) run(serverURL string) (attest.Run, error) {
	if missing := c.missing(); len(missing) > 0 {
		return attest.Run{}, &problem.Problem{
			Code: problem.IDTokenClaims,
			What: "The OIDC token of the job says too little of the run for provenance.",
			Why:  "It lacks " + strings.Join(missing, ", ") + ". Provenance states them, and Fulcio has to certify the same.",
			Fix:  "Older versions of GitHub Enterprise Server do not have all of them: update it, or write below `with:`\n  provenance: false",
		}
	}
	path, err := c.workflowPath()
	if err != nil {
		return attest.Run{}, err
	}
	return attest.Run{
		Path:          path,
		Builder:       serverURL + "/" + c.JobWorkflowRef,
		Event:         string(c.EventName),
		RepositoryID:  string(c.RepositoryID),
		OwnerID:       string(c.RepositoryOwnerID),
		Environment:   string(c.RunnerEnvironment),
		InvocationURI: fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", serverURL, c.Repository, c.RunID, c.RunAttempt),
	}, nil
}

// missing names the claims that the token does not have.
func (c *claims) missing() []string {
	var names []string
	for _, claim := range []struct {
		name  string
		value optional
	}{
		{"workflow_ref", c.WorkflowRef},
		{"event_name", c.EventName},
		{"repository_id", c.RepositoryID},
		{"repository_owner_id", c.RepositoryOwnerID},
		{"runner_environment", c.RunnerEnvironment},
		{"run_id", c.RunID},
		{"run_attempt", c.RunAttempt},
	} {
		if claim.value == "" {
			names = append(names, claim.name)
		}
	}
	return names
}

// workflowPath is the file of the workflow that was started. Path and ref may have an @ in
// them, so that it is what is left between the repository and the ref.
func (c *claims) workflowPath() (string, error) {
	file, inRepository := strings.CutPrefix(string(c.WorkflowRef), c.Repository+"/")
	path, atRef := strings.CutSuffix(file, "@"+c.Ref)
	if inRepository && atRef && path != "" {
		return path, nil
	}
	return "", &problem.Problem{
		Code: problem.IDTokenClaims,
		What: "Provenance cannot name the workflow of this run.",
		Why:  fmt.Sprintf("It names a workflow of the repository that it built, at the ref that it built: %s at %s. This run was started as %q.", c.Repository, c.Ref, string(c.WorkflowRef)),
		Fix:  "Seal the image in a run of the repository's own workflow, e.g. on push, or write below `with:`\n  provenance: false",
	}
}

// configURI is the URI of the workflow that was started, as a certificate has it. Fulcio
// writes it as it is, and before version 1.6 encoded it; where that differs, it is empty and
// not compared.
func configURI(id attest.Identity) string {
	uri := id.RepositoryURI + "/" + id.Run.Path + "@" + id.Ref
	if encoded, err := url.Parse(uri); id.Run == (attest.Run{}) || err != nil || encoded.String() != uri {
		return ""
	}
	return uri
}

// sameRun refuses a token that says another thing than the one that provenance was made of.
func (s *Signer) sameRun(now attest.Identity) error {
	s.mu.Lock()
	checked := s.identity
	s.mu.Unlock()
	if checked.Run == (attest.Run{}) || checked == now {
		return nil
	}
	return &problem.Problem{
		Code: problem.IDTokenClaims,
		What: "The OIDC token of the job is not that of the run that provenance is about.",
		Why: fmt.Sprintf("The first one was of %s at commit %s, that for the certificate is of %s at commit %s.",
			checked.Run.InvocationURI, checked.SHA, now.Run.InvocationURI, now.SHA),
		Fix: "Nothing more was signed. Run the job again; if it happens again, open an issue.",
	}
}
