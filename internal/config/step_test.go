package config_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/config"
	"seal-image/internal/secret"
)

// step is the environment of a step: inputs by their name, and variables of the job.
type step map[string]string

func (s step) getenv(key string) string {
	if input, ok := strings.CutPrefix(key, "INPUT_"); ok {
		return s[strings.ToLower(input)]
	}
	return s[key]
}

// newStep is a step with the inputs given, in a job on github.com with an empty workspace.
func newStep(t *testing.T, with step) step {
	t.Helper()
	s := step{
		"GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_WORKSPACE":  t.TempDir(),
		"GITHUB_ACTOR":      "octocat",
		"RUNNER_TEMP":       t.TempDir(),
		"github-token":      "job-token",
	}
	maps.Copy(s, with)
	return s
}

// and is the step with more; what both have is more's.
func (s step) and(more step) step {
	all := maps.Clone(s)
	maps.Copy(all, more)
	return all
}

// places replaces the words for the folders of the job.
func (s step) places() *strings.Replacer {
	return strings.NewReplacer("WORKSPACE", s["GITHUB_WORKSPACE"], "TEMP", s["RUNNER_TEMP"])
}

// write writes a file of the workspace; an absolute path is taken as it is.
func (s step) write(t *testing.T, path, content string) {
	t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(s["GITHUB_WORKSPACE"], path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare knows the types that hide their fields.
var compare = cmp.Options{
	cmp.Comparer(func(a, b secret.String) bool { return a.Reveal() == b.Reveal() }),
	cmp.Comparer(func(a, b *url.URL) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.String() == b.String()
	}),
	cmp.Comparer(func(a, b name.Reference) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.Name() == b.Name() && a.Context().Scheme() == b.Context().Scheme()
	}),
}

func parse(t *testing.T, s step) *config.Config {
	t.Helper()
	cfg, err := config.Parse(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
