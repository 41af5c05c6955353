package sbom

import (
	"fmt"
	"strings"

	"github.com/spdx/tools-golang/spdx"
)

// gaps counts the packages for which the image holds less than the minimum elements of an
// SBOM and the license; "" if there is none.
// https://www.ntia.gov/report/2021/minimum-elements-software-bill-materials-sbom
func gaps(packages []*spdx.Package) string {
	var missing []string
	for _, gap := range []struct {
		name string
		is   func(*spdx.Package) bool
	}{
		{"supplier", func(p *spdx.Package) bool { return p.PackageSupplier.Supplier == noAssertion }},
		{"version", func(p *spdx.Package) bool { return p.PackageVersion == "" }},
		{"declared license", func(p *spdx.Package) bool { return p.PackageLicenseDeclared == noAssertion }},
	} {
		n := 0
		for _, p := range packages {
			if gap.is(p) {
				n++
			}
		}
		if n > 0 {
			missing = append(missing, fmt.Sprintf("no %s for %d", gap.name, n))
		}
	}
	if missing == nil {
		return ""
	}
	return fmt.Sprintf("Of %d packages, the image names %s.", len(packages), strings.Join(missing, ", "))
}
