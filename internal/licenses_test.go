package internal_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

// licenses are those under which the action may link a module: what they ask for is kept by whoever
// hands on the program with their texts.
var licenses = []string{
	"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-2-Clause-Views", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0",
	"Unicode-DFS-2016", "Unlicense",
}

// chosen are those of modules whose files offer a choice, or have words that are not recognized.
var chosen = map[string]string{
	"github.com/spdx/tools-golang":                  "Apache-2.0",   // or GPL-2.0-or-later
	"kernel.org/pub/linux/libs/security/libcap/psx": "BSD-3-Clause", // or GPL-2.0-only
	"github.com/xi2/xz":                             "CC0-1.0",      // "put into the public domain"
}

// licenseFile is one about code, unless it ends with .docs.
var licenseFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|unlicense)`)

// TestLicenses: each module that the action links has a license file, and of what is recognized in
// the files every license is one of ours.
func TestLicenses(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", ".")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	modules := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(modules)
	modules = slices.DeleteFunc(slices.Compact(modules), func(s string) bool { return s == "" })
	if len(modules) < 50 {
		t.Fatalf("the action links %d modules", len(modules))
	}
	left := maps.Clone(chosen)
	for _, m := range modules {
		path, dir, _ := strings.Cut(m, " ")
		found := licensesIn(t, dir)
		if id, ok := chosen[path]; ok {
			found = []string{id}
			delete(left, path)
		}
		if len(found) == 0 {
			t.Errorf("%s has no license that is recognized", path)
		}
		for _, id := range found {
			if !slices.Contains(licenses, id) {
				t.Errorf("%s has the license %s", path, id)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("not linked any more: %v", left)
	}
}

// licensesIn are the SPDX identifiers of the license files in a folder.
func licensesIn(t *testing.T, dir string) (ids []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".docs") || !licenseFile.MatchString(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range licensecheck.Scan(content).Match {
			ids = append(ids, match.ID)
		}
	}
	return ids
}
