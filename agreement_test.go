package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"seal-image/internal/report"
)

// actionFile is what action.yml declares.
type actionFile struct {
	Inputs  ordered `yaml:"inputs"`
	Outputs ordered `yaml:"outputs"`
	Runs    struct {
		Using string   `yaml:"using"`
		Image string   `yaml:"image"`
		Args  []string `yaml:"args"`
	} `yaml:"runs"`
}

// ordered are the entries of a mapping, in their order.
type ordered []declared

type declared struct {
	Name        string
	Description string `yaml:"description"`
	Default     string `yaml:"default"`
	Required    bool   `yaml:"required"`
}

func (o *ordered) UnmarshalYAML(node *yaml.Node) error {
	for i := 0; i < len(node.Content); i += 2 {
		d := declared{}
		if err := node.Content[i+1].Decode(&d); err != nil {
			return err
		}
		d.Name = node.Content[i].Value
		*o = append(*o, d)
	}
	return nil
}

func names(all ordered) []string {
	var out []string
	for _, d := range all {
		out = append(out, d.Name)
	}
	return out
}

// mandatory are the names of those that have to be given.
func mandatory(all ordered) []string {
	return names(slices.DeleteFunc(slices.Clone(all), func(d declared) bool { return !d.Required }))
}

// anAction is what must agree about one of our actions.
type anAction struct {
	file            string
	inputs, outputs string   // headings of README
	names           []string // of outputs
	image           string
	args            []string
}

var bothActions = []anAction{
	{"action.yml", "Inputs", "Outputs", report.OutputNames(), "Dockerfile", []string{}},
	{"verify/action.yml", "Inputs of verify", "Outputs of verify", report.VerifyOutputNames(), "../Dockerfile", []string{"verify"}},
}

func readAction(t *testing.T, file string) actionFile {
	t.Helper()
	var action actionFile
	if err := yaml.Unmarshal([]byte(read(t, file)), &action); err != nil {
		t.Fatal(err)
	}
	return action
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestInputsAgree compares each action's file with README, and both with the code.
func TestInputsAgree(t *testing.T) {
	t.Parallel()
	for _, a := range bothActions {
		t.Run(a.file, func(t *testing.T) {
			t.Parallel()
			var rows []string
			for _, d := range readAction(t, a.file).Inputs {
				value := ""
				if d.Default != "" {
					value = "`" + d.Default + "`"
				}
				if d.Required {
					value = "required"
				}
				rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", d.Name, value, d.Description))
			}
			compareTable(t, a.inputs, rows)
		})
	}
	compareFile(t, "internal/config/declared.go", declarations(t))
}

// declarations is the code of internal/config that says what the actions declare.
func declarations(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("// Code generated from action.yml and verify/action.yml by `make golden`. DO NOT EDIT.\n\npackage config\n")
	for _, a := range []struct{ file, function, reader string }{{"action.yml", "Inputs", "Parse"}, {"verify/action.yml", "VerifyInputs", "ParseVerify"}} {
		fmt.Fprintf(&b, "\n// %s returns the inputs that [%s] reads, in the order of %s.\nfunc %s() []Input {\n\treturn []Input{\n", a.function, a.reader, a.file, a.function)
		for _, d := range readAction(t, a.file).Inputs {
			if d.Default == "" {
				fmt.Fprintf(&b, "\t\t{Name: %q},\n", d.Name)
			} else {
				fmt.Fprintf(&b, "\t\t{Name: %q, Default: %q},\n", d.Name, d.Default)
			}
		}
		b.WriteString("\t}\n}\n")
	}
	return b.String()
}

// compareFile wants a file to be what the actions declare; with the variable UPDATE it writes it.
func compareFile(t *testing.T, name, want string) {
	t.Helper()
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, read(t, name)); diff != "" {
		t.Errorf("%s differs (-want +got), UPDATE=1 rewrites it:\n%s", name, diff)
	}
}

// readmeLock is for the tests that rewrite README.
var readmeLock sync.Mutex

// compareTable wants the first table below a heading of README to have these rows.
func compareTable(t *testing.T, heading string, rows []string) {
	t.Helper()
	readmeLock.Lock()
	defer readmeLock.Unlock()
	readme := read(t, "README.md")
	parts := regexp.MustCompile(`(?s)^(.*\n## ` + heading + `\n\n\|[^\n]*\n\|[^\n]*\n)((?:\|[^\n]*\n)*)(.*)$`).FindStringSubmatch(readme)
	if parts == nil {
		t.Fatalf("README has no table below %s", heading)
	}
	compareFile(t, "README.md", parts[1]+strings.Join(rows, "")+parts[3])
}

// TestSharedInputsAgree: an input that both actions have means the same in both. Some are
// worded for one of them.
func TestSharedInputsAgree(t *testing.T) {
	t.Parallel()
	worded := []string{"image", "digest", "github-token", "signature-format", "output-dir", "timeout"}
	seal := readAction(t, "action.yml").Inputs
	for _, d := range readAction(t, "verify/action.yml").Inputs {
		i := slices.IndexFunc(seal, func(other declared) bool { return other.Name == d.Name })
		if i >= 0 && !slices.Contains(worded, d.Name) {
			if diff := cmp.Diff(seal[i], d); diff != "" {
				t.Errorf("input %s (-action.yml +verify/action.yml):\n%s", d.Name, diff)
			}
		}
	}
}

// TestOutputsAgree compares each action's file with the code and with README.
func TestOutputsAgree(t *testing.T) {
	t.Parallel()
	for _, a := range bothActions {
		t.Run(a.file, func(t *testing.T) {
			t.Parallel()
			action := readAction(t, a.file)
			var rows []string
			for _, d := range action.Outputs {
				rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", d.Name, d.Description))
			}
			compareTable(t, a.outputs, rows)
			if diff := cmp.Diff(names(action.Outputs), a.names); diff != "" {
				t.Errorf("outputs differ (-%s +internal/report):\n%s", a.file, diff)
			}
			if diff := cmp.Diff([]string{"docker", imageOf(t, a)}, []string{action.Runs.Using, action.Runs.Image}); diff != "" {
				t.Errorf("runs (-want +%s):\n%s", a.file, diff)
			}
			// They must be there, if empty: else a workflow could pass arguments.
			if diff := cmp.Diff(a.args, action.Runs.Args); diff != "" {
				t.Errorf("arguments (-want +%s):\n%s", a.file, diff)
			}
		})
	}
}

var released = regexp.MustCompile(`^docker://ghcr\.io/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$`)

// imageOf is what an action must run: the Dockerfile or, in a release, the image that the
// other action runs too.
func imageOf(t *testing.T, a anAction) string {
	t.Helper()
	if image := readAction(t, "action.yml").Runs.Image; released.MatchString(image) {
		return image
	}
	return a.image
}

// table reads the first table below a heading of README.
func table(t *testing.T, heading string) [][]string {
	t.Helper()
	_, section, ok := strings.Cut(read(t, "README.md"), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("README has no heading %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows [][]string
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("README has no table below %s", heading)
	}
	return rows[2:] // head and rule
}

// TestVersionAgrees compares the version in the code with the newest one of CHANGELOG.
func TestVersionAgrees(t *testing.T) {
	t.Parallel()
	newest := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)`).FindStringSubmatch(read(t, "CHANGELOG.md"))
	if len(newest) != 2 || newest[1] != version {
		t.Errorf("version is %s, the newest of CHANGELOG.md %v", version, newest)
	}
}

// TestMakeHelp: each target of the Makefile says what it is for, and `make help` prints it.
func TestMakeHelp(t *testing.T) {
	t.Parallel()
	help, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if targets == nil {
		t.Fatal("the Makefile names no targets")
	}
	for target := range strings.FieldsSeq(targets[1]) {
		if !regexp.MustCompile(`(?m)^` + target + ` +\S`).Match(help) {
			t.Errorf("make help says nothing of %s", target)
		}
	}
}
