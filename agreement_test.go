package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"seal-image/internal/config"
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

// anAction is what must agree about one of our actions.
type anAction struct {
	file            string
	inputs, outputs string // headings of README
	code            []config.Input
	names           []string // of outputs
	image           string
	args            []string
}

var bothActions = []anAction{
	{"action.yml", "Inputs", "Outputs", config.Inputs(), report.OutputNames(), "Dockerfile", []string{}},
	{"verify/action.yml", "Inputs of verify", "Outputs of verify", config.VerifyInputs(), report.VerifyOutputNames(), "../Dockerfile", []string{"verify"}},
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

// TestInputsAgree compares each action's file with the code and with README.
func TestInputsAgree(t *testing.T) {
	t.Parallel()
	for _, a := range bothActions {
		t.Run(a.file, func(t *testing.T) {
			t.Parallel()
			action := readAction(t, a.file)
			var inAction, inCode [][2]string
			for _, d := range action.Inputs {
				inAction = append(inAction, [2]string{d.Name, d.Default})
			}
			for _, in := range a.code {
				inCode = append(inCode, [2]string{in.Name, in.Default})
			}
			if diff := cmp.Diff(inAction, inCode); diff != "" {
				t.Errorf("inputs differ (-%s +internal/config):\n%s", a.file, diff)
			}
			checkInputTable(t, action.Inputs, table(t, a.inputs))
		})
	}
}

func checkInputTable(t *testing.T, inputs ordered, rows [][]string) {
	t.Helper()
	for i, d := range inputs {
		value := ""
		if d.Default != "" {
			value = "`" + d.Default + "`"
		}
		if d.Required {
			value = "required"
		}
		if want := []string{"`" + d.Name + "`", value, d.Description}; i >= len(rows) || !slices.Equal(want, rows[i]) {
			t.Errorf("row %d of README's table of inputs: want\n| %s |", i+1, strings.Join(want, " | "))
		}
	}
	if len(rows) != len(inputs) {
		t.Errorf("README's table of inputs has %d rows, want %d", len(rows), len(inputs))
	}
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
			var names []string
			rows := table(t, a.outputs)
			for i, d := range action.Outputs {
				names = append(names, d.Name)
				if want := []string{"`" + d.Name + "`", d.Description}; i >= len(rows) || !slices.Equal(want, rows[i]) {
					t.Errorf("row %d of README's table of outputs: want\n| %s |", i+1, strings.Join(want, " | "))
				}
			}
			if diff := cmp.Diff(names, a.names); diff != "" {
				t.Errorf("outputs differ (-%s +internal/report):\n%s", a.file, diff)
			}
			if len(rows) != len(names) {
				t.Errorf("README's table of outputs has %d rows, want %d", len(rows), len(names))
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
