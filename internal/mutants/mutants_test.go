//go:build mutants

package mutants_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutant is the code without one check.
type mutant struct {
	name     string // what is not checked
	file     string // of internal/sigstore
	old, now string // old stands there once
}

// folder is where the code is that loses its checks.
const folder = "../sigstore"

// TestMutants compiles the tests of the package with each mutant in turn. One that passes
// them is a check that no test needs.
func TestMutants(t *testing.T) {
	t.Parallel()
	if by := (mutant{name: "none", file: "verify.go"}).noticed(t); by != "" {
		t.Fatalf("%s fails without a mutant", by)
	}
	names := map[string]bool{}
	for _, theme := range [][]mutant{verifyMutants, statementMutants, policyMutants, signerMutants} {
		for _, m := range theme {
			if names[m.name] {
				t.Errorf("there are two mutants %q", m.name)
			}
			names[m.name] = true
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				by := m.noticed(t)
				if by == "" {
					t.Fatalf("no test notices:\n-%s\n+%s", m.old, m.now)
				}
				t.Log("noticed by " + by)
			})
		}
	}
	t.Logf("%d checks are needed", len(names))
}

// failed is the line about a test that fails.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)|^panic: (.*)$`)

// noticed is the first test that fails with the mutant; empty if none does.
func (m mutant) noticed(t *testing.T) string {
	t.Helper()
	program := m.compile(t)
	cmd := exec.CommandContext(t.Context(), program, "-test.failfast", "-test.timeout=5m")
	cmd.Dir = folder // of testdata
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		t.Fatal(err)
	}
	found := failed.FindAllStringSubmatch(string(out), -1)
	if len(found) == 0 {
		t.Fatalf("the tests fail for another reason:\n%s", out)
	}
	last := found[len(found)-1] // a case stands below its test
	return last[1] + last[2]
}

// compile builds the tests with the mutant in place of the file.
func (m mutant) compile(t *testing.T) (program string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(folder, m.file))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(code), m.old); n != 1 && m.old != "" {
		t.Fatalf("%s has this %d times; say in the table how it reads now:\n%s", m.file, n, m.old)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, m.file)
	write(t, changed, []byte(strings.Replace(string(code), m.old, m.now, 1)))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "overlay.json"), overlay)
	program = filepath.Join(dir, "sigstore.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %v\n%s", err, out)
	}
	return program
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
