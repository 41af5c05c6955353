package github_test

import (
	"errors"
	"strings"
	"testing"

	"seal-image/internal/github"
	"seal-image/internal/problem"
)

func TestSubmitSnapshot(t *testing.T) {
	t.Parallel()
	const path = "POST " + repo + "/dependency-graph/snapshots"
	scan := github.Scan{SHA: strings.Repeat("a", 40), Ref: "refs/heads/main"}
	submit := func(answer string) error {
		return newREST(t, map[string]string{path: answer}).api().SubmitSnapshot(t.Context(), &github.Snapshot{Scan: scan})
	}
	for _, result := range []string{"SUCCESS", "ACCEPTED"} {
		if err := submit(`201 {"id":1,"result":"` + result + `"}`); err != nil {
			t.Errorf("%s: %v", result, err)
		}
	}
	for name, answer := range map[string]string{
		"invalid": `201 {"id":1,"result":"INVALID","message":"no"}`, "new": `201 {"result":"QUEUED"}`, "none": `201 {}`, "text": "201 x", "500": "500 x",
	} {
		if err := submit(answer); problem.From(err).Code != problem.SnapshotFailed || errors.Is(err, github.ErrLacking) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, answer := range map[string]string{
		"no graph": `404 {"message":"The Dependency graph is disabled for this repository.","documentation_url":"x"}`, "no API": notFound,
	} {
		if err := submit(answer); !errors.Is(err, github.ErrLacking) {
			t.Errorf("%s: %v", name, err)
		}
	}

	s := newREST(t, nil)
	scan.Job.Correlator = strings.Repeat("x", 16<<20)
	err := s.api().SubmitSnapshot(t.Context(), &github.Snapshot{Scan: scan})
	if p := problem.From(err); p.Code != problem.SnapshotFailed || !strings.Contains(p.Why, "16.0 MiB") || len(s.asked) != 0 {
		t.Errorf("a snapshot of more than 16 MiB: %v after %v", err, s.asked)
	}
}
