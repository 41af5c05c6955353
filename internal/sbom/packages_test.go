package sbom_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
)

// TestPackagesOfDocuments: both documents of an image list the packages that its own package
// manager lists, with the same URLs, licenses and dependencies.
func TestPackagesOfDocuments(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]string{"alpine": alpine, "debian": debian, "fedora": fedora, "npm": npm} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			count, documents := request(dir, layoutOf(t, dir, folder), attest.SPDXJSON, attest.CycloneDXJSON).catalog(t)
			spdx := described(t, attest.Document{Format: attest.SPDXJSON, Bytes: documents[0]})
			if cyclonedx := described(t, attest.Document{Format: attest.CycloneDXJSON, Bytes: documents[1]}); len(spdx) != count {
				t.Errorf("%d packages, the child counts %d", len(spdx), count)
			} else if diff := cmp.Diff(spdx, cyclonedx); diff != "" {
				t.Errorf("packages (-SPDX +CycloneDX):\n%s", diff)
			}
			golden.Compare(t, "packages/"+name+".txt", strings.Join(spdx, "\n")+"\n")
		})
	}
}

// described is one sorted line for each package.
func described(t *testing.T, doc attest.Document) (out []string) {
	t.Helper()
	packages, err := doc.Packages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		var needs []string
		for _, i := range p.DependsOn {
			needs = append(needs, packages[i].Name)
		}
		slices.Sort(needs)
		out = append(out, fmt.Sprintf("%s %s | %s | %s | %s | %s", p.Name, p.Version, p.Type(), p.URL, strings.Join(p.Licenses, ", "), strings.Join(needs, " ")))
	}
	slices.Sort(out)
	return out
}
