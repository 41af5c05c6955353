package attest

import "errors"

// The predicate and its build type.
//
//   - https://slsa.dev/spec/v1.0/provenance
//   - https://github.com/actions/buildtypes/tree/main/workflow/v1
const (
	ProvenancePredicateType = "https://slsa.dev/provenance/v1"
	workflowBuildType       = "https://actions.github.io/buildtypes/workflow/v1"
)

// Run is the run of a workflow, by its OIDC token. Its certificate says the same.
type Run struct {
	// Path is that of the workflow that was started, in the repository of the [Identity],
	// e.g. .github/workflows/release.yml
	Path string
	// Builder is the URI of the workflow whose job runs: the one at Path, or a reusable one
	// that it calls. It is the SAN of the certificate before it was encoded as a URL.
	Builder       string
	Event         string // that started it, e.g. push
	RepositoryID  string // of the repository of the Identity; a number, as the next
	OwnerID       string
	Environment   string // of the runner: github-hosted or self-hosted
	InvocationURI string // of this attempt of the run
}

// Provenance is the SLSA provenance of what the identity signs in its run: the predicate,
// with its fields in the order of the build type's own example. Another attempt of the same
// run gives another one.
func Provenance(id Identity) ([]byte, error) {
	if id.Run == (Run{}) {
		return nil, errors.New("provenance of a run that is not known")
	}
	var p provenance
	build := &p.BuildDefinition
	build.BuildType = workflowBuildType
	build.ExternalParameters.Workflow = startedWorkflow{Ref: id.Ref, Repository: id.RepositoryURI, Path: id.Run.Path}
	build.InternalParameters.GitHub = runContext{
		EventName: id.Run.Event, RepositoryID: id.Run.RepositoryID, OwnerID: id.Run.OwnerID, RunnerEnvironment: id.Run.Environment,
	}
	source := dependency{URI: "git+" + id.RepositoryURI + "@" + id.Ref}
	source.Digest.GitCommit = id.SHA
	build.ResolvedDependencies = []dependency{source}
	p.RunDetails.Builder.ID = id.Run.Builder
	p.RunDetails.Metadata.InvocationID = id.Run.InvocationURI
	return compact(p)
}

// provenance is the predicate.
type provenance struct {
	BuildDefinition struct {
		BuildType          string `json:"buildType"`
		ExternalParameters struct {
			Workflow startedWorkflow `json:"workflow"`
		} `json:"externalParameters"`
		InternalParameters struct {
			GitHub runContext `json:"github"`
		} `json:"internalParameters"`
		ResolvedDependencies []dependency `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string `json:"invocationId"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

type startedWorkflow struct {
	Ref        string `json:"ref"`
	Repository string `json:"repository"`
	Path       string `json:"path"`
}

// runContext has the names of GitHub's context.
type runContext struct {
	EventName         string `json:"event_name"`
	RepositoryID      string `json:"repository_id"`
	OwnerID           string `json:"repository_owner_id"`
	RunnerEnvironment string `json:"runner_environment"`
}

type dependency struct {
	URI    string `json:"uri"`
	Digest struct {
		GitCommit string `json:"gitCommit"`
	} `json:"digest"`
}
