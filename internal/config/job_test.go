package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/config"
	"seal-image/internal/secret"
)

func TestVisibility(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ event, want string }{
		"visibility":       {`{"repository":{"visibility":"internal","private":true}}`, "internal"},
		"private":          {`{"repository":{"private":true}}`, "private"},
		"public":           {`{"repository":{"private":false}}`, "public"},
		"schedule":         {`{"schedule":"0 0 * * *"}`, ""},
		"empty repository": {`{"repository":{}}`, ""},
		"not JSON":         {`<html>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "app:v1"})
			s.write(t, "event.json", tt.event)
			s["GITHUB_EVENT_PATH"] = filepath.Join(s["GITHUB_WORKSPACE"], "event.json")
			if got := parse(t, s).Job.Visibility; got != tt.want {
				t.Errorf("Visibility = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTempThatIsNotMounted(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{"image": "app:v1", "RUNNER_TEMP": "/home/runner/work/_no_such_temp"})
	if got := parse(t, s).Job.Temp; got != os.TempDir() {
		t.Errorf("Temp = %q, want the system's", got)
	}
}

// What is known of the run, for GitHub's API.
func TestRun(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{
		"image": "app:v1", "GITHUB_API_URL": "https://ghe.acme.dev/api/v3/", "GITHUB_REPOSITORY": "acme/demo", "GITHUB_WORKFLOW": "release", "GITHUB_ACTION_REPOSITORY": "acme/seal-image",
		"GITHUB_RUN_ID": "7", "GITHUB_REF": "refs/tags/v1", "GITHUB_SHA": "c0ffee",
	})
	got := parse(t, s).Job
	want := config.Job{
		ServerURL: "https://github.com", Workspace: s["GITHUB_WORKSPACE"], Temp: s["RUNNER_TEMP"], Actor: "octocat",
		ActionURL: "https://github.com/acme/seal-image",
		RunURL:    "https://github.com/acme/demo/actions/runs/7", Repository: "acme/demo", Workflow: "release", RunID: "7",
		Ref: "refs/tags/v1", SHA: "c0ffee", APIURL: "https://ghe.acme.dev/api/v3", Token: secret.New("job-token"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b secret.String) bool { return a.Reveal() == b.Reveal() })); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event, ref string
		id         int64
		tag        string
	}{
		"release":   {`{"action":"published","release":{"id":4294967296,"tag_name":"v1"}}`, "refs/tags/v1", 4294967296, "v1"},
		"tag":       {`{"ref":"refs/tags/rel/v1"}`, "refs/tags/rel/v1", 0, "rel/v1"},
		"branch":    {`{}`, "refs/heads/refs/tags/v1", 0, ""},
		"odd event": {`{"release":"v1"}`, "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "app:v1", "GITHUB_REF": tt.ref})
			s.write(t, "event.json", tt.event)
			s["GITHUB_EVENT_PATH"] = filepath.Join(s["GITHUB_WORKSPACE"], "event.json")
			if got := parse(t, s).Job; got.ReleaseID != tt.id || got.Tag() != tt.tag {
				t.Errorf("release %d, tag %q", got.ReleaseID, got.Tag())
			}
		})
	}
}
