package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// example is the part of a workflow, or of a composite action, that uses ours.
type example struct {
	Jobs map[string]exampleJob `yaml:"jobs"`
	Runs struct {
		Steps []exampleUse `yaml:"steps"`
	} `yaml:"runs"`
}

type exampleJob struct {
	exampleUse  `yaml:",inline"`
	Permissions map[string]string `yaml:"permissions"`
	Steps       []exampleUse      `yaml:"steps"`
}

// exampleUse is a step, or a job that calls a reusable workflow.
type exampleUse struct {
	Uses    string         `yaml:"uses"`
	With    map[string]any `yaml:"with"`
	Secrets map[string]any `yaml:"secrets"`
}

// exampleComplaints says what is wrong in a whole workflow beside what complaints sees in any
// block: what is not given, permissions, and outputs of a job.
func exampleComplaints(t *testing.T, b block) []string {
	t.Helper()
	var node yaml.Node
	var e example
	if err := yaml.Unmarshal([]byte(b.text), &node); err != nil {
		return []string{err.Error()}
	}
	if err := node.Decode(&e); err != nil {
		return []string{err.Error()}
	}
	all := complaints(t, b, &node)
	uses := slices.Clone(e.Runs.Steps)
	for name, j := range e.Jobs {
		calls := append(slices.Clone(j.Steps), j.exampleUse)
		signs := slices.ContainsFunc(calls, func(u exampleUse) bool { return signing.MatchString(u.Uses) })
		if may := j.Permissions["id-token"] == "write"; may != signs {
			all = append(all, fmt.Sprintf("%s: signs %v, may sign %v", name, signs, may))
		}
		if c := contractOf(t, j.Uses); c != nil {
			for _, found := range regexp.MustCompile(`needs\.`+name+`\.outputs\.([\w-]+)`).FindAllStringSubmatch(b.text, -1) {
				all = append(all, missing("output", found[1:], c.outputs)...)
			}
		}
		uses = append(uses, calls...)
	}
	for _, u := range uses {
		if c := contractOf(t, u.Uses); c != nil {
			all = append(all, missing("required input", c.required, slices.Collect(maps.Keys(u.With)))...)
			all = append(all, missing("secret", slices.Collect(maps.Keys(u.Secrets)), c.secrets)...)
		}
	}
	if !slices.ContainsFunc(uses, func(u exampleUse) bool { return strings.HasPrefix(u.Uses, "OWNER/") || signing.MatchString(u.Uses) }) {
		all = append(all, "uses nothing of ours")
	}
	slices.Sort(all)
	return all
}

// signing is what signs in the name of the job.
var signing = regexp.MustCompile(`^OWNER/seal-image(/.github/workflows/publish.yml)?@v1$|^\./\.github/actions/publish$`)

// missing says which of some names are not among others.
func missing(what string, some, others []string) (all []string) {
	for _, name := range some {
		if !slices.Contains(others, name) {
			all = append(all, what+" "+name)
		}
	}
	return all
}

// TestExamplesAgree: examples use what the actions declare, with the permissions that it takes,
// and the index lists each.
func TestExamplesAgree(t *testing.T) {
	t.Parallel()
	var files []string
	err := filepath.WalkDir("docs/examples", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == "README.md" {
			return err
		}
		text := read(t, path)
		for _, complaint := range exampleComplaints(t, block{file: path, text: text}) {
			t.Errorf("%s: %s", path, complaint)
		}
		if !strings.HasPrefix(text, "# ") {
			t.Errorf("%s does not begin with what it is for", path)
		}
		files = append(files, strings.TrimPrefix(path, "docs/examples/"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, link := range regexp.MustCompile(`\[([\w./-]+)\]\(([\w./-]+)\)`).FindAllStringSubmatch(read(t, "docs/examples/README.md"), -1) {
		if link[1] == link[2] {
			listed = append(listed, link[2])
		}
	}
	slices.Sort(listed)
	slices.Sort(files)
	if diff := cmp.Diff(files, listed); diff != "" {
		t.Errorf("examples (-files +index):\n%s", diff)
	}
}

// TestExampleComplaints: what is wrong in an example is seen.
func TestExampleComplaints(t *testing.T) {
	t.Parallel()
	const wrong = `
jobs:
  image:
    permissions: { packages: write }
    steps:
      - uses: OWNER/seal-image@v1
        id: seal
        with: { images: x }
      - run: echo ${{ steps.seal.outputs.log-number }}
  check:
    permissions: { id-token: write }
    steps:
      - uses: OWNER/seal-image/verify@v1
        with: { image: x }
  call:
    permissions: { id-token: write }
    uses: OWNER/seal-image/.github/workflows/publish.yml@v1
    secrets: { password: x }
  use:
    needs: call
    steps:
      - run: echo ${{ needs.call.outputs.sbom-path }}
`
	want := []string{
		"OWNER/seal-image@v1 has no input images",
		"check: signs false, may sign true",
		"image: signs true, may sign false",
		"output sbom-path",
		"required input image",
		"required input image",
		"secret password",
		"the step seal has no output log-number",
	}
	if diff := cmp.Diff(want, exampleComplaints(t, block{text: wrong})); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"uses nothing of ours"}, exampleComplaints(t, block{text: "jobs: {}"})); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
}
