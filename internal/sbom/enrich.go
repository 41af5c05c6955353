package sbom

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode"

	"github.com/anchore/syft/syft/pkg"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// enrich adds to syft's out what the package databases hold of p beyond it, and takes away
// what says something else than the specification means. Nothing is guessed.
func enrich(out *spdx.Package, p pkg.Package, lock locked) {
	out.PrimaryPackagePurpose = purpose(p)
	if name, hash := ownHash(p); name != "" {
		out.PackageChecksums = nil // syft's is that hash under the name of its algorithm
		if hash != "" && !strings.ContainsFunc(hash, unicode.IsSpace) {
			out.PackageExternalReferences = append(out.PackageExternalReferences, &spdx.PackageExternalReference{
				Category: common.CategoryOther, RefType: name, Locator: hash,
			})
		}
	}
	out.PackageChecksums = append(out.PackageChecksums, checksums(p, lock)...)
	nameParties(out, p)
	if m, ok := p.Metadata.(pkg.ApkDBEntry); ok {
		// The database's URL is the project's home, where nothing can be downloaded.
		out.PackageHomePage, out.PackageDownloadLocation = m.URL, noAssertion
	}
	out.PackageHomePage = page(out.PackageHomePage)
	if from := lock.download(); from != "" {
		out.PackageDownloadLocation = from
	}
}

// page is the text if it is the address of a page on the web, else "": a database may have
// anything in its place, and the specification wants a URI.
func page(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return text
}

// nameParties says who supplies the package, and whether that is a person.
func nameParties(out *spdx.Package, p pkg.Package) {
	if known := supplier(p); known != (party{}) {
		out.PackageSupplier = &common.Supplier{Supplier: known.String(), SupplierType: known.kind()}
	} else if s := out.PackageSupplier; s.SupplierType == person {
		s.SupplierType = parseParty(s.Supplier).kind()
	}
	if o := out.PackageOriginator; o != nil && o.OriginatorType == person {
		o.OriginatorType = parseParty(o.Originator).kind()
	}
	if purpose(p) == install {
		// Who packages software for a distribution is not where it originally came from.
		out.PackageOriginator = nil
	}
}

// The purposes that a package can have by its type. Of other types it is not known.
// https://spdx.github.io/spdx-spec/v2.3/package-information/#724-primary-package-purpose-field
const (
	application = "APPLICATION"
	install     = "INSTALL" // the package manager of the operating system installs it
	library     = "LIBRARY"
)

var purposes = map[pkg.Type]string{
	pkg.AlpmPkg: install, pkg.ApkPkg: install, pkg.DebPkg: install, pkg.PortagePkg: install, pkg.RpmPkg: install,

	pkg.BinaryPkg: application, pkg.GraalVMNativeImagePkg: application,

	pkg.CocoapodsPkg: library, pkg.ConanPkg: library, pkg.CpanPkg: library, pkg.DartPubPkg: library,
	pkg.DotnetPkg: library, pkg.GemPkg: library, pkg.GoModulePkg: library, pkg.HackagePkg: library,
	pkg.HexPkg: library, pkg.JavaPkg: library, pkg.LuaRocksPkg: library, pkg.NpmPkg: library,
	pkg.OpamPkg: library, pkg.PhpComposerPkg: library, pkg.PhpPearPkg: library, pkg.PythonPkg: library,
	pkg.Rpkg: library, pkg.RustPkg: library, pkg.SwiftPkg: library, pkg.SwiplPackPkg: library, pkg.VcpkgPkg: library,
}

// purpose of p; "" if it is not known.
func purpose(p pkg.Package) string {
	if m, ok := p.Metadata.(pkg.GolangBinaryBuildinfoEntry); ok && m.MainModule == p.Name {
		return application
	}
	return purposes[p.Type]
}

// supplier is who makes the package, in the words of its database; the zero party if the
// database does not say, or syft reads it as well.
func supplier(p pkg.Package) party {
	switch m := p.Metadata.(type) {
	case pkg.DpkgDBEntry:
		return parseParty(m.Maintainer)
	case pkg.DpkgArchiveEntry:
		return parseParty(m.Maintainer)
	case pkg.ApkDBEntry:
		return parseParty(m.Maintainer)
	case pkg.AlpmDBEntry:
		return parseParty(m.Packager)
	case pkg.NpmPackage:
		return parseParty(m.Author)
	case pkg.RDescription:
		return parseParty(cmp.Or(m.Maintainer, m.Author))
	}
	return party{}
}

// ownHash is a hash of the package manager's own making, with a name for it. It is not that of
// a file, and not to be mixed up with one: apk's is the SHA-1 of a part of the package file, Go's
// the SHA-256 of a list of files.
// https://gitlab.alpinelinux.org/alpine/apk-tools/-/blob/master/doc/apk-v2.5.scd
// https://go.dev/ref/mod#go-sum-files
func ownHash(p pkg.Package) (name, hash string) {
	switch m := p.Metadata.(type) {
	case pkg.ApkDBEntry:
		return "apk-checksum", m.Checksum
	case pkg.GolangBinaryBuildinfoEntry:
		return "go-sum", m.H1Digest
	}
	return "", ""
}

// checksums are those of the file that the package came in.
func checksums(p pkg.Package, lock locked) []common.Checksum {
	switch m := p.Metadata.(type) {
	case pkg.NpmPackage:
		return integrity(lock.Integrity)
	case pkg.NpmPackageLockEntry:
		return integrity(m.Integrity)
	case pkg.YarnLockEntry:
		return integrity(m.Integrity)
	case pkg.PnpmLockEntry:
		return integrity(m.Resolution.Integrity)
	case pkg.BunLockEntry:
		return integrity(m.Integrity)
	case pkg.DenoLockEntry:
		return integrity(m.Integrity)
	case pkg.RustCargoLockEntry:
		return checksum(common.SHA256, m.Checksum)
	case pkg.PhpComposerInstalledEntry:
		return checksum(common.SHA1, m.Dist.Shasum)
	case pkg.PhpComposerLockEntry:
		return checksum(common.SHA1, m.Dist.Shasum)
	}
	return nil
}

// integrity is the strongest of the hashes of a package's file.
// https://www.w3.org/TR/SRI/#the-integrity-attribute
func integrity(text string) []common.Checksum {
	for _, algorithm := range []common.ChecksumAlgorithm{common.SHA512, common.SHA384, common.SHA256, common.SHA1} {
		for hash := range strings.FieldsSeq(text) {
			name, sum, _ := strings.Cut(hash, "-")
			if !strings.EqualFold(name, string(algorithm)) {
				continue
			}
			if found := encoded(algorithm, sum); found != nil {
				return found
			}
		}
	}
	return nil
}

func encoded(algorithm common.ChecksumAlgorithm, base64Sum string) []common.Checksum {
	sum, err := base64.StdEncoding.DecodeString(base64Sum)
	if err != nil {
		return nil
	}
	return checksum(algorithm, hex.EncodeToString(sum))
}

// checksum is empty if the text is none of the algorithm: databases have gaps.
func checksum(algorithm common.ChecksumAlgorithm, text string) []common.Checksum {
	bytes := map[common.ChecksumAlgorithm]int{common.SHA1: 20, common.SHA256: 32, common.SHA384: 48, common.SHA512: 64}
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != bytes[algorithm] {
		return nil
	}
	return []common.Checksum{{Algorithm: algorithm, Value: strings.ToLower(text)}}
}
