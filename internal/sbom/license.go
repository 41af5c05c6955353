package sbom

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spdx/tools-golang/spdx"
)

var licenseRef = regexp.MustCompile(`(^|[^:A-Za-z0-9.-])(LicenseRef-[A-Za-z0-9.-]+)`)

// defineLicenses defines the licenses of the document's own that expressions name and syft
// leaves undefined.
// https://spdx.github.io/spdx-spec/v2.3/other-licensing-information-detected/
func defineLicenses(doc *spdx.Document) {
	defined := map[string]bool{}
	for _, l := range doc.OtherLicenses {
		defined[l.LicenseIdentifier] = true
	}
	for _, p := range doc.Packages {
		for _, match := range licenseRef.FindAllStringSubmatch(p.PackageLicenseDeclared+" "+p.PackageLicenseConcluded, -1) {
			id := match[2]
			if !defined[id] {
				defined[id] = true
				doc.OtherLicenses = append(doc.OtherLicenses, &spdx.OtherLicense{
					LicenseIdentifier: id, LicenseName: strings.TrimPrefix(id, "LicenseRef-"), ExtractedText: noAssertion,
				})
			}
		}
	}
	slices.SortFunc(doc.OtherLicenses, func(a, b *spdx.OtherLicense) int {
		return strings.Compare(a.LicenseIdentifier, b.LicenseIdentifier)
	})
}

// conclude takes the license that a package database declares for the conclusion about the
// package, where that is an expression of SPDX, and returns the sentence that tells so; ""
// if there is none. A text of the database's own (LicenseRef-...) concludes nothing.
// https://spdx.github.io/spdx-spec/v2.3/package-information/#713-concluded-license-field
func conclude(packages []*spdx.Package) string {
	n := 0
	for _, p := range packages {
		declared := p.PackageLicenseDeclared
		if p.PackageLicenseConcluded != noAssertion || declared == noAssertion || declared == "NONE" || declared == "" || strings.Contains(declared, "LicenseRef-") {
			continue
		}
		p.PackageLicenseConcluded = declared
		n++
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("The concluded licenses of %d are those that the package databases declare; no file was scanned for licenses.", n)
}
