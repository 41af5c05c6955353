package sbom_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/sbom"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, good := range [][]string{
		nil, {"os"}, {"os", "language"}, {"-rpm"}, {"+sbom-cataloger", "-file"}, {"image", "-binary", "+go-module-file-cataloger"},
	} {
		before := slices.Clone(good)
		if err := (sbom.Options{Catalogers: good}).Check(t.Context()); err != nil {
			t.Errorf("%q: %v", good, err)
		}
		if diff := cmp.Diff(before, good); diff != "" {
			t.Errorf("the expressions changed (-before +after):\n%s", diff)
		}
	}
	var all strings.Builder
	for _, bad := range [][]string{
		{"os", "no-such-tag"}, {"-no-such-tag"}, {"dpkg-db-cataloger"}, {"+os"}, {"os", "-os", "-file"},
	} {
		fmt.Fprintf(&all, "# %q\n%s", bad, refusal(t, sbom.Options{Catalogers: bad}.Check(t.Context())))
	}
	golden.Compare(t, "catalogers.txt", all.String())
}

// Catalogers are selected, and paths left out, as by the options of the same names of syft.
func TestSelect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	req := request(dir, layoutOf(t, dir, debian, npm), attest.SPDXJSON)
	for name, tt := range map[string]struct {
		catalogers, exclude, want []string
	}{
		"all":               {nil, nil, lines(t, debian, npm)},
		"tag":               {[]string{"os"}, nil, lines(t, debian)},
		"without a tag":     {[]string{"-debian"}, nil, lines(t, npm)},
		"added":             {[]string{"os", "+javascript-package-cataloger"}, nil, lines(t, debian, npm)},
		"without a path":    {nil, []string{"/usr/lib"}, lines(t, debian)},
		"without a glob":    {nil, []string{"**/dpkg/**", "**/is-odd/**"}, []string{"npm ms 2.1.3", "npm semver 7.6.3"}},
		"without something": {nil, []string{"/nowhere/**"}, lines(t, debian, npm)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := req
			req.Options.Catalogers, req.Options.Exclude = tt.catalogers, tt.exclude
			packages, documents := req.catalog(t)
			if diff := cmp.Diff(tt.want, listedSPDX(readSPDX(t, documents[0]))); diff != "" || packages != len(tt.want) {
				t.Errorf("%d packages (-want +got):\n%s", packages, diff)
			}
		})
	}
}
