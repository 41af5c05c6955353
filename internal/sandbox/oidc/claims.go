package oidc

// jobClaims are the claims of a job that runs for a push to the main branch of acme/demo. Names
// and forms are GitHub's; every value is a string, even numbers and booleans.
//
// https://docs.github.com/actions/reference/security/oidc
func jobClaims() map[string]any {
	const (
		commit   = "8f6a3c1e0b5d4f7a9c2e1d0b3a4c5d6e7f809a1b"
		workflow = "acme/demo/.github/workflows/release.yml@refs/heads/main"
	)
	return map[string]any{
		"sub":                   "repo:acme/demo:ref:refs/heads/main",
		"actor":                 "octocat",
		"actor_id":              "12",
		"base_ref":              "",
		"check_run_id":          "48000000000",
		"enterprise":            "",
		"event_name":            "push",
		"head_ref":              "",
		"job_workflow_ref":      workflow,
		"job_workflow_sha":      commit,
		"ref":                   "refs/heads/main",
		"ref_protected":         "true",
		"ref_type":              "branch",
		"repository":            "acme/demo",
		"repository_id":         "74",
		"repository_owner":      "acme",
		"repository_owner_id":   "65",
		"repository_visibility": "public",
		"run_attempt":           "1",
		"run_id":                "1658821493",
		"run_number":            "10",
		"runner_environment":    "github-hosted",
		"sha":                   commit,
		"workflow":              "release",
		"workflow_ref":          workflow,
		"workflow_sha":          commit,
	}
}
