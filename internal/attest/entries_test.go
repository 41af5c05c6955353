package attest_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"seal-image/internal/attest"
)

// TestEntries: docs/fleet.md has how many entries an image takes in the log, one for each
// statement. In its formulas, N is the number of platforms.
func TestEntries(t *testing.T) {
	t.Parallel()
	spdx, two := []attest.Format{attest.SPDXJSON}, []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON}
	defaults := attest.SignOptions{Recursive: true, Attest: true, Format: attest.Both}
	changed := func(change func(*attest.SignOptions)) attest.SignOptions {
		o := defaults
		change(&o)
		return o
	}
	rows := map[string]struct {
		formats []attest.Format
		options attest.SignOptions
	}{
		"defaults":                           {spdx, defaults},
		"`signature-format: bundle`":         {spdx, changed(func(o *attest.SignOptions) { o.Format = attest.Bundles })},
		"`signature-format: legacy`":         {spdx, changed(func(o *attest.SignOptions) { o.Format = attest.Legacy })},
		"`recursive: false`":                 {spdx, changed(func(o *attest.SignOptions) { o.Recursive = false })},
		"`sbom: false`":                      {nil, defaults},
		"`format: spdx-json,cyclonedx-json`": {two, defaults},
		"`provenance: true`":                 {spdx, changed(func(o *attest.SignOptions) { o.Provenance = proof(t, identity) })},
	}
	document, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range rows {
		cells := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(name) + ` \| (\S+) \| (\S+) \| (\S+) \|$`).FindSubmatch(document)
		if cells == nil {
			t.Errorf("docs/fleet.md has no row %s", name)
			continue
		}
		one, four := index(image("a", "amd64")), index(image("a", "amd64"), image("b", "arm64"), image("c", "s390x"), image("d", "ppc64le"))
		for i, subject := range []*attest.Subject{single(), one, four} {
			described := sboms(subject, row.formats...)
			if subject == four && row.formats != nil {
				described = append(described, sbom(attest.Image{Manifest: subject.Manifest}, today, row.formats...))
			}
			if row.formats == nil {
				described = nil
			}
			statements, err := attest.Statements(subject, described, row.options)
			if err != nil {
				t.Fatal(err)
			}
			if want := evaluate(t, string(cells[i+1]), 4); len(statements) != want {
				t.Errorf("%s, %d images: %d statements, docs/fleet.md says %s", name, len(subject.Images), len(statements), cells[i+1])
			}
		}
	}
}

// evaluate is the value of a formula such as "3N+4".
func evaluate(t *testing.T, formula string, n int) int {
	t.Helper()
	sum := 0
	for term := range strings.SplitSeq(formula, "+") {
		factor, times := strings.CutSuffix(term, "N")
		value := 1
		if factor != "" {
			var err error
			if value, err = strconv.Atoi(factor); err != nil {
				t.Fatal(err)
			}
		}
		if times {
			value *= n
		}
		sum += value
	}
	return sum
}
