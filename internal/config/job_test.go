package config_test

import (
	"os"
	"path/filepath"
	"testing"
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
