package sbom

import (
	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/linux"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// addOperatingSystem adds the distribution that os-release names.
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
func addOperatingSystem(doc *spdx.Document, image *spdx.Package, release *linux.Release) {
	if release == nil || release.ID == "" {
		return
	}
	system := &spdx.Package{
		PackageName:               release.ID,
		PackageSPDXIdentifier:     elementID("OperatingSystem-" + release.ID),
		PackageVersion:            release.VersionID,
		PackageSupplier:           &common.Supplier{Supplier: noAssertion},
		PackageDownloadLocation:   noAssertion,
		PackageHomePage:           page(release.HomeURL),
		IsFilesAnalyzedTagPresent: true,
		PackageLicenseConcluded:   noAssertion,
		PackageLicenseDeclared:    noAssertion,
		PackageCopyrightText:      noAssertion,
		PackageSummary:            release.PrettyName,
		PackageSourceInfo:         "acquired from os-release",
		PrimaryPackagePurpose:     "OPERATING_SYSTEM",
		PackageExternalReferences: []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  common.TypePackageManagerPURL,
			Locator:  systemURL(release),
		}},
	}
	if name, err := cpe.NewAttributes(release.CPEName); err == nil {
		system.PackageExternalReferences = append(system.PackageExternalReferences, &spdx.PackageExternalReference{
			Category: common.CategorySecurity, RefType: common.TypeSecurityCPE23Type, Locator: name.String(),
		})
	}
	doc.Packages = append(doc.Packages, system)
	doc.Relationships = append(doc.Relationships, relationship(image.PackageSPDXIdentifier, common.TypeRelationshipContains, system.PackageSPDXIdentifier))
}

// systemURL is the package URL of a distribution. There is no type for one.
func systemURL(release *linux.Release) string {
	return packageurl.NewPackageURL(packageurl.TypeGeneric, "", release.ID, release.VersionID, nil, "").ToString()
}
