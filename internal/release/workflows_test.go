package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const github = repository + "/.github/"

// workflow is the part of a workflow's file that the rules are about.
type workflow struct {
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	Permissions map[string]string `yaml:"permissions"`
	Timeout     any               `yaml:"timeout-minutes"`
	Uses        yaml.Node         `yaml:"uses"` // of a reusable workflow, which has its own timeouts
	Strategy    struct {
		Matrix struct {
			Target []string `yaml:"target"`
		} `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []struct {
		Uses yaml.Node      `yaml:"uses"`
		Run  string         `yaml:"run"`
		With map[string]any `yaml:"with"`
	} `yaml:"steps"`
}

// pinned is an action by its commit; the comment is for people and Dependabot.
var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

// own finds the action of this repository as callers of a reusable workflow get it.
var own = regexp.MustCompile(`(?m)uses: ([\w.-]+)/seal-image@v1$`)

// owner is the account that hosts this repository, or what stands for it.
func owner(t *testing.T) string {
	t.Helper()
	found := own.FindStringSubmatch(readFile(t, github+"workflows/publish.yml"))
	if found == nil {
		t.Fatal("publish.yml does not use the action")
	}
	return found[1]
}

// complaints says which rules a workflow breaks.
func complaints(text, owner string) []string {
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	var all []string
	if w.Permissions == nil || len(w.Permissions) > 0 {
		all = append(all, "top: permissions are not {}")
	}
	if strings.Contains(text, "pull_request_target") {
		all = append(all, "top: pull_request_target")
	}
	for name, j := range w.Jobs {
		for _, c := range ofJob(j, owner) {
			all = append(all, name+": "+c)
		}
	}
	slices.Sort(all)
	return all
}

func ofJob(j job, owner string) (all []string) {
	if j.Permissions == nil {
		all = append(all, "no permissions")
	}
	if j.Timeout == nil && j.Uses.IsZero() {
		all = append(all, "no timeout-minutes")
	}
	used := []yaml.Node{j.Uses}
	for _, step := range j.Steps {
		used = append(used, step.Uses)
		if strings.HasPrefix(step.Uses.Value, "actions/checkout@") && step.With["persist-credentials"] != false {
			all = append(all, "a checkout keeps credentials")
		}
		// What is put into a script before the shell reads it is run.
		if strings.Contains(step.Run, "${{") || strings.Contains(fmt.Sprint(step.With["script"]), "${{") {
			all = append(all, "an expression in a script")
		}
	}
	for _, uses := range used {
		ours := []string{owner + "/seal-image@v1", owner + "/seal-image/verify@v1"}
		if uses.IsZero() || strings.HasPrefix(uses.Value, "./") || slices.Contains(ours, uses.Value) {
			continue
		}
		if !pinned.MatchString(uses.Value + " " + uses.LineComment) {
			all = append(all, uses.Value+" is not pinned by a commit with its version as comment")
		}
	}
	return all
}

// TestWorkflows holds the rules for each of our workflows.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(github + "workflows/*")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	for _, file := range files {
		for _, c := range complaints(readFile(t, file), owner(t)) {
			t.Errorf("%s: %s", filepath.Base(file), c)
		}
	}
}

// TestComplaints: a workflow that breaks the rules is found out.
func TestComplaints(t *testing.T) {
	t.Parallel()
	bad := `
on: pull_request_target
permissions: { contents: read }
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e
      - uses: OTHER/seal-image@v1
      - uses: OWNER/seal-image@v1
      - uses: ./
      - run: echo ${{ github.head_ref }}
  b:
    uses: acme/app/.github/workflows/x.yml@main
    permissions: write-all
`
	if got := complaints(bad, "OWNER"); len(got) != 1 || !strings.Contains(got[0], "write-all") {
		t.Errorf("write-all: %q", got)
	}
	want := []string{
		"a: OTHER/seal-image@v1 is not pinned by a commit with its version as comment",
		"a: a checkout keeps credentials",
		"a: actions/checkout@v4 is not pinned by a commit with its version as comment",
		"a: actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e is not pinned by a commit with its version as comment",
		"a: an expression in a script",
		"a: no permissions",
		"a: no timeout-minutes",
		"b: acme/app/.github/workflows/x.yml@main is not pinned by a commit with its version as comment",
		"top: permissions are not {}",
		"top: pull_request_target",
	}
	if diff := cmp.Diff(want, complaints(strings.ReplaceAll(bad, "write-all", "{}"), "OWNER")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTargets: the workflow ci runs what `make ci` runs, and only what the Makefile has.
func TestTargets(t *testing.T) {
	t.Parallel()
	makefile := readFile(t, repository+"/Makefile")
	var ci workflow
	if err := yaml.Unmarshal([]byte(readFile(t, github+"workflows/ci.yml")), &ci); err != nil {
		t.Fatal(err)
	}
	var run []string
	for _, j := range ci.Jobs {
		run = append(run, j.Strategy.Matrix.Target...)
	}
	for _, target := range run {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).MatchString(makefile) {
			t.Errorf("the Makefile has no target %s", target)
		}
	}
	targets, _, _ := strings.Cut(variable(t, makefile, "ci:"), "##")
	for target := range strings.FieldsSeq(targets) {
		if !slices.Contains(run, target) {
			t.Errorf("the workflow ci does not run make %s", target)
		}
	}
}

// variable is what stands behind the first words of a line.
func variable(t *testing.T, makefile, words string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(words) + `(.*)$`).FindStringSubmatch(makefile)
	if found == nil {
		t.Fatalf("the Makefile has no line %q", words)
	}
	return found[1]
}

// TestDependabot: every module is looked after, and new versions rest for some days.
func TestDependabot(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string         `yaml:"package-ecosystem"`
			Directory   string         `yaml:"directory"`
			Directories []string       `yaml:"directories"`
			Cooldown    map[string]int `yaml:"cooldown"`
			Limit       *int           `yaml:"open-pull-requests-limit"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, github+"dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	looked := map[string][]string{}
	for _, u := range config.Updates {
		looked[u.Ecosystem] = append(looked[u.Ecosystem], u.Directories...)
		if u.Directory != "" {
			looked[u.Ecosystem] = append(looked[u.Ecosystem], u.Directory)
		}
		if onlyVulnerabilities := u.Limit != nil && *u.Limit == 0; !onlyVulnerabilities && u.Cooldown["default-days"] < 7 {
			t.Errorf("%s %v: no cooldown", u.Ecosystem, u.Directories)
		}
	}
	want := map[string][]string{"gomod": {}, "npm": {"/internal/peers/actions-attest"}, "github-actions": {"/"}}
	for module := range strings.FieldsSeq(variable(t, readFile(t, repository+"/Makefile"), "MODULES := ")) {
		want["gomod"] = append(want["gomod"], "/"+strings.TrimPrefix(module, "."))
	}
	slices.Sort(want["gomod"])
	slices.Sort(looked["gomod"])
	if diff := cmp.Diff(want, looked); diff != "" {
		t.Errorf("directories (-want +dependabot.yml):\n%s", diff)
	}
}
