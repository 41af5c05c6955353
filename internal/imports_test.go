package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "seal-image"

// arrows says which of our packages each package may import. One more is a design
// change: make it on purpose, here. main wires, and may import all.
var arrows = map[string][]string{
	"attest":    {"problem"},
	"config":    {"problem", "secret"},
	"runner":    {"problem", "secret", "transport"},
	"registry":  {"attest", "problem", "secret", "transport"},
	"sbom":      {"attest", "confine", "problem"},
	"sigstore":  {"attest", "problem", "secret", "transport"},
	"github":    {"attest", "problem", "secret", "transport"},
	"report":    {"attest", "problem"},
	"confine":   {},
	"transport": {},
	"problem":   {},
	"secret":    {},
	// Not part of the action.
	"golden":    {},
	"harness":   {},
	"suite":     {"harness"},
	"bench":     {"harness"},
	"demo":      {"harness"},
	"matrix":    {},
	"mutants":   {},
	"load":      {},
	"faults":    {},
	"hostile":   {},
	"container": {},
	"release":   {},
	"roots":     {},
	"licenses":  {},
}

// owners says which packages may import a dependency, by the longest prefix of its path
// that is listed.
var owners = map[string][]string{
	"github.com/anchore/":                                  {"sbom"},
	"modernc.org/sqlite":                                   {"sbom"},
	"github.com/gabriel-vasile/mimetype":                   {"sbom"},
	"github.com/google/go-containerregistry/pkg/v1/remote": {"registry", "suite", "release"},
	"github.com/google/go-containerregistry/pkg/v1/layout": {"registry", "sbom", "release"},
	"golang.org/x/crypto/x509roots/":                       {"roots"},
	"github.com/landlock-lsm/":                             {"confine"},
	"github.com/elastic/":                                  {"confine"},
	"github.com/sethvargo/go-githubactions":                {"runner"},
	"github.com/sigstore/sigstore-go/":                     {"sigstore"},
	"github.com/sigstore/sigstore/":                        {"sigstore"},
	"github.com/sigstore/sigstore/pkg/signature/payload":   {"attest", "sigstore"},
	"github.com/sigstore/rekor/":                           {"sigstore"},
	"github.com/sigstore/rekor-tiles/":                     {"sigstore"},
	"github.com/sigstore/protobuf-specs/":                  {"sigstore"},
	"github.com/go-openapi/":                               {"sigstore"},
	"github.com/transparency-dev/":                         {"sigstore"},
	"github.com/sigstore/cosign/v2/cmd/":                   {}, // commands are no library
	"github.com/sigstore/cosign/v2/pkg/cosign":             {"sigstore"},
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle":      {"registry", "sigstore"},
	"github.com/sigstore/cosign/v2/pkg/oci":                {"registry", "sigstore"},
	"github.com/sigstore/cosign/v2/pkg/types":              {"attest"},
}

// TestImports holds both tables for all code but tests.
func TestImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range packages(t) {
		short, internal := strings.CutPrefix(p.ImportPath, module+"/internal/")
		allowed, known := arrows[short]
		if internal && !known {
			t.Errorf("%s is not in the table of arrows", p.ImportPath)
		}
		seen[short] = true
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module+"/internal/"); ok && internal && !slices.Contains(allowed, ours) {
				t.Errorf("internal/%s imports internal/%s; it may import %v", short, ours, allowed)
			}
			if prefix, owner := ownerOf(imported); prefix != "" && !slices.Contains(owner, short) {
				t.Errorf("%s imports %s; %s belongs to %v", p.ImportPath, imported, prefix, owner)
			}
		}
	}
	for short := range arrows {
		if !seen[short] {
			t.Errorf("the table of arrows has %s, which does not exist", short)
		}
	}
}

func ownerOf(imported string) (prefix string, owner []string) {
	for p, o := range owners {
		if strings.HasPrefix(imported, p) && len(p) > len(prefix) {
			prefix, owner = p, o
		}
	}
	return prefix, owner
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(arrows) {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

// TestArchitecture: the document names each package, and none that does not exist.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, found := range regexp.MustCompile("`internal/([a-z]+)").FindAllSubmatch(document, -1) {
		named[string(found[1])] = true
	}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.IsDir() && !named[folder.Name()] {
			t.Errorf("docs/architecture.md does not name internal/%s", folder.Name())
		}
		delete(named, folder.Name())
	}
	delete(named, "imports") // a file
	for name := range named {
		t.Errorf("docs/architecture.md names internal/%s, which does not exist", name)
	}
}
