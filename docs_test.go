package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"seal-image/internal/report"
)

// A block is a fenced one of a document.
type block struct {
	file, text string
	line       int
}

var fence = regexp.MustCompile("(?ms)^[ ]*```([a-z]*)\n(.*?)^[ ]*```$")

// documents are the names of all that people read, relative to the root.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", ".github/*.md", "docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, files...)
	}
	return out
}

// blocks are all of a language.
func blocks(t *testing.T, language string) []block {
	t.Helper()
	var out []block
	for _, file := range documents(t) {
		text := read(t, file)
		for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
			b := block{file: file, text: text[m[4]:m[5]], line: 1 + strings.Count(text[:m[0]], "\n")}
			if text[m[2]:m[3]] == language {
				out = append(out, b)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no block of %s in any document", language)
	}
	return out
}

// TestDocumentsParse: what people copy out of the documents is YAML or shell that parses.
func TestDocumentsParse(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "yaml") {
		decoder := yaml.NewDecoder(strings.NewReader(b.text))
		for {
			var node yaml.Node
			err := decoder.Decode(&node)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s:%d: %v", b.file, b.line, err)
				break
			}
			for _, complaint := range complaints(t, b, &node) {
				t.Errorf("%s:%d: %s", b.file, b.line, complaint)
			}
		}
	}
	for _, b := range blocks(t, "sh") {
		cmd := exec.CommandContext(t.Context(), "bash", "-n")
		cmd.Stdin = strings.NewReader(b.text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s:%d: %v: %s", b.file, b.line, err, out)
		}
	}
}

// TestPoliciesAgree: the policies of docs/verify.md are those of a job summary, which have tests.
func TestPoliciesAgree(t *testing.T) {
	t.Parallel()
	summary := read(t, "internal/report/testdata/summary/multi.md")
	found := 0
	for _, b := range blocks(t, "yaml") {
		if b.file == "docs/verify.md" && strings.Contains(b.text, "\nkind: ") {
			found++
			if !strings.Contains(summary, "```yaml\n"+b.text+"```") {
				t.Errorf("%s:%d: the job summary has no such policy", b.file, b.line)
			}
		}
	}
	if found != 2 {
		t.Errorf("docs/verify.md has %d policies", found)
	}
}

// A contract is what those who use a part of ours write, have to write, and can read.
type contract struct{ inputs, required, secrets, outputs []string }

// contractOf is that of what `uses:` names, nil if it is not ours.
func contractOf(t *testing.T, uses string) *contract {
	t.Helper()
	part, ok := strings.CutPrefix(uses, "OWNER/seal-image")
	part, _, versioned := strings.Cut(part, "@")
	if !ok {
		return nil
	}
	for _, a := range bothActions {
		if versioned && filepath.Join(".", part) == filepath.Dir(a.file) {
			action := readAction(t, a.file)
			return &contract{inputs: names(action.Inputs), required: mandatory(action.Inputs), outputs: names(action.Outputs)}
		}
	}
	var workflow struct {
		On struct {
			Call struct{ Inputs, Secrets, Outputs ordered } `yaml:"workflow_call"`
		} `yaml:"on"`
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(".", part))), &workflow); err != nil {
		t.Fatal(err)
	}
	call := workflow.On.Call
	return &contract{names(call.Inputs), mandatory(call.Inputs), names(call.Secrets), names(call.Outputs)}
}

var stepOutput = regexp.MustCompile(`\bsteps\.([\w-]+)\.outputs\.([\w-]+)`)

// complaints looks at what a block has of our actions: inputs that are not there, and outputs
// of a step that uses one.
func complaints(t *testing.T, b block, node *yaml.Node) []string {
	t.Helper()
	var out []string
	ids := map[string]*contract{}
	visit(node, func(step map[string]*yaml.Node) {
		uses := step["uses"]
		if uses == nil {
			return
		}
		c := contractOf(t, uses.Value)
		if id := step["id"]; id != nil {
			ids[id.Value] = c
		}
		if with := step["with"]; c != nil && with != nil {
			for i := 0; i < len(with.Content); i += 2 {
				if name := with.Content[i].Value; !slices.Contains(c.inputs, name) {
					out = append(out, fmt.Sprintf("%s has no input %s", uses.Value, name))
				}
			}
		}
	})
	for _, m := range stepOutput.FindAllStringSubmatch(b.text, -1) {
		c := ids[m[1]]
		if _, known := ids[m[1]]; !known && m[1] == "seal" {
			c = &contract{outputs: report.OutputNames()}
		}
		if c != nil && !slices.Contains(c.outputs, m[2]) {
			out = append(out, fmt.Sprintf("the step %s has no output %s", m[1], m[2]))
		}
	}
	return out
}

// visit calls f with each mapping below a node.
func visit(node *yaml.Node, f func(map[string]*yaml.Node)) {
	if node.Kind == yaml.MappingNode {
		entries := map[string]*yaml.Node{}
		for i := 0; i < len(node.Content); i += 2 {
			entries[node.Content[i].Value] = node.Content[i+1]
		}
		f(entries)
	}
	for _, child := range node.Content {
		visit(child, f)
	}
}
