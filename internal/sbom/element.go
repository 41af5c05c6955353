package sbom

import (
	"regexp"
	"strings"

	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// noAssertion stands where the specification wants a value and the image has none.
const noAssertion = "NOASSERTION"

// imagePackage is an image or, without architecture, an index.
func imagePackage(id common.ElementID, repository, digest, architecture string) *spdx.Package {
	_, sha256, _ := strings.Cut(digest, ":")
	return &spdx.Package{
		PackageName:               repository,
		PackageSPDXIdentifier:     id,
		PackageVersion:            digest,
		PackageSupplier:           &common.Supplier{Supplier: noAssertion},
		PackageDownloadLocation:   noAssertion,
		IsFilesAnalyzedTagPresent: true,
		PackageChecksums:          []common.Checksum{{Algorithm: common.SHA256, Value: sha256}},
		PackageLicenseConcluded:   noAssertion,
		PackageLicenseDeclared:    noAssertion,
		PackageCopyrightText:      noAssertion,
		PrimaryPackagePurpose:     "CONTAINER",
		PackageExternalReferences: []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  common.TypePackageManagerPURL,
			Locator:  imageURL(repository, digest, architecture),
		}},
	}
}

func relationship(a common.ElementID, kind string, b common.ElementID) *spdx.Relationship {
	return &spdx.Relationship{RefA: common.DocElementID{ElementRefID: a}, Relationship: kind, RefB: common.DocElementID{ElementRefID: b}}
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// elementID is text as an identifier.
// https://spdx.github.io/spdx-spec/v2.3/package-information/#72-package-spdx-identifier-field
func elementID(text string) common.ElementID {
	return common.ElementID(notInID.ReplaceAllString(text, "-"))
}
