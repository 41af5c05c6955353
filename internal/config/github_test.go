package config_test

import (
	"path/filepath"
	"testing"

	"seal-image/internal/config"
)

func TestGitHub(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		with step
		want config.GitHub
	}{
		"default":                     {step{}, config.GitHub{}},
		"both":                        {step{"github-attestation": "true", "dependency-snapshot": "true"}, config.GitHub{Attestation: true, Snapshot: true}},
		"provenance alone":            {step{"github-attestation": "true", "provenance": "true", "sbom": "false"}, config.GitHub{Attestation: true}},
		"CycloneDX":                   {step{"github-attestation": "true", "dependency-snapshot": "true", "format": "syft-json,cyclonedx-json"}, config.GitHub{Attestation: true, Snapshot: true}},
		"snapshot of what is plain":   {step{"dependency-snapshot": "true", "attach-sbom": "referrer"}, config.GitHub{Snapshot: true}},
		"a document of the user":      {step{"github-attestation": "true", "dependency-snapshot": "true", "sbom-path": "{platform}.json"}, config.GitHub{Attestation: true, Snapshot: true}},
		"what is false needs no SBOM": {step{"github-attestation": "false", "dependency-snapshot": "false", "sbom": "false"}, config.GitHub{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parse(t, newStep(t, tt.with).and(step{"image": "app:v1"})).GitHub; got != tt.want {
				t.Errorf("GitHub = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestHeadOfPullRequest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"pull_request": "head", "pull_request_review": "head", "pull_request_target": "", "push": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "app:v1", "GITHUB_EVENT_NAME": name})
			s.write(t, "event.json", `{"pull_request":{"head":{"sha":"head"},"base":{"sha":"base"}}}`)
			s["GITHUB_EVENT_PATH"] = filepath.Join(s["GITHUB_WORKSPACE"], "event.json")
			if got := parse(t, s).Job.HeadSHA; got != want {
				t.Errorf("HeadSHA = %q, want %q", got, want)
			}
		})
	}
}
