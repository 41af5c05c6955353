package sbom_test

import (
	"strings"
	"testing"

	"github.com/anchore/syft/syft/pkg"
	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sbom"
)

// Who supplies a package, and whether that is a person, comes from one line of its database.
func TestSupplier(t *testing.T) {
	t.Parallel()
	for maintainer, want := range map[string]string{
		"":                                   "NOASSERTION",
		"Santiago Vila <sanvila@debian.org>": "Person: Santiago Vila (sanvila@debian.org)",
		"Marco d'Itri <md@linux.it>":         "Person: Marco d'Itri (md@linux.it)",
		"Debian GCC Maintainers <debian-gcc@lists.debian.org>":      "Organization: Debian GCC Maintainers (debian-gcc@lists.debian.org)",
		"Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>": "Organization: Ubuntu Developers (ubuntu-devel-discuss@lists.ubuntu.com)",
		"Debian OpenSSL <pkg-openssl@alioth-lists.debian.net>":      "Organization: Debian OpenSSL (pkg-openssl@alioth-lists.debian.net)",
		"NGINX Packaging <nginx-packaging@f5.com>":                  "Person: NGINX Packaging (nginx-packaging@f5.com)",
		"Acme, Inc.":          "Organization: Acme, Inc.",
		"Jo":                  "Person: Jo",
		"jo@example.com":      "Person: jo@example.com",
		"<jo@example.com>":    "Person: jo@example.com",
		"Jo (jo@example.com)": "Person: Jo (jo@example.com)",
		"Jo <jo@mail.example.co.uk> (https://jo.example.com)": "Person: Jo (jo@mail.example.co.uk)",
		"Jo (https://jo.example.com)":                         "Person: Jo",
		"Jo\nPackageName: injected <jo@example.com>":          "Person: Jo PackageName: injected (jo@example.com)",
		"Jo <no address>":                                     "Person: Jo",
		"Jo <":                                                "Person: Jo <",
		"Teamster Jo <jo@example.com>, The Others <others@example.com>":            "Person: Teamster Jo (jo@example.com)",
		"Debian Science Team <debian-science-maintainers@lists.alioth.debian.org>": "Organization: Debian Science Team (debian-science-maintainers@lists.alioth.debian.org)",
	} {
		for kind, p := range map[string]pkg.Package{
			"dpkg": {Type: pkg.DebPkg, Metadata: pkg.DpkgDBEntry{Maintainer: maintainer}},
			"apk":  {Type: pkg.ApkPkg, Metadata: pkg.ApkDBEntry{Maintainer: maintainer}},
			"alpm": {Type: pkg.AlpmPkg, Metadata: pkg.AlpmDBEntry{Packager: maintainer}},
			"npm":  {Type: pkg.NpmPkg, Metadata: pkg.NpmPackage{Author: maintainer}},
			"R":    {Type: pkg.Rpkg, Metadata: pkg.RDescription{Maintainer: maintainer}},
		} {
			s := sbom.Enrich(p).PackageSupplier
			if got := strings.TrimPrefix(s.SupplierType+": "+s.Supplier, ": "); got != want {
				t.Errorf("%s of %q: %s, want %s", kind, maintainer, got, want)
			}
		}
	}
}

func TestPurpose(t *testing.T) {
	t.Parallel()
	main := pkg.GolangBinaryBuildinfoEntry{MainModule: "example.com/app"}
	for name, tt := range map[string]struct {
		p    pkg.Package
		want string
	}{
		"deb":          {pkg.Package{Type: pkg.DebPkg}, "INSTALL"},
		"apk":          {pkg.Package{Type: pkg.ApkPkg}, "INSTALL"},
		"rpm":          {pkg.Package{Type: pkg.RpmPkg}, "INSTALL"},
		"npm":          {pkg.Package{Type: pkg.NpmPkg}, "LIBRARY"},
		"jar":          {pkg.Package{Type: pkg.JavaPkg}, "LIBRARY"},
		"binary":       {pkg.Package{Type: pkg.BinaryPkg}, "APPLICATION"},
		"Go program":   {pkg.Package{Type: pkg.GoModulePkg, Name: "example.com/app", Metadata: main}, "APPLICATION"},
		"Go module":    {pkg.Package{Type: pkg.GoModulePkg, Name: "example.com/lib", Metadata: main}, "LIBRARY"},
		"kernel":       {pkg.Package{Type: pkg.LinuxKernelPkg}, ""},
		"unknown type": {pkg.Package{Type: pkg.UnknownPkg}, ""},
	} {
		if got := sbom.Enrich(tt.p).PrimaryPackagePurpose; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// A checksum is that of a file. What a package manager makes in another way has another place.
func TestChecksums(t *testing.T) {
	t.Parallel()
	const (
		sha512 = "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="
		sha1   = "sha1-V0yBOM4dK1hh8LRFedut1gxmFbI="
	)
	sha512Hex := "SHA512 e85973b9b4cb646dc9d9afcd542025784863ceae68c601f268253dc985ef70bb2fa1568726afece715c8ebf5d73fab73ed1f7100eb479d23bfb57b45dd645394"
	for name, tt := range map[string]struct {
		metadata any
		want     []string
	}{
		"npm":                {pkg.NpmPackageLockEntry{Integrity: sha512}, []string{sha512Hex}},
		"yarn":               {pkg.YarnLockEntry{Integrity: sha1}, []string{"SHA1 574c8138ce1d2b5861f0b44579dbadd60c6615b2"}},
		"pnpm":               {pkg.PnpmLockEntry{Resolution: pkg.PnpmLockResolution{Integrity: sha512}}, []string{sha512Hex}},
		"the strongest":      {pkg.BunLockEntry{Integrity: sha1 + " " + sha512}, []string{sha512Hex}},
		"options":            {pkg.NpmPackageLockEntry{Integrity: "md5-XUFAKrxLKna5cZ2REBfFkg=="}, nil},
		"too short":          {pkg.NpmPackageLockEntry{Integrity: "sha512-V0yBOM4dK1hh8LRFedut1gxmFbI="}, nil},
		"no base64":          {pkg.NpmPackageLockEntry{Integrity: "sha512-!"}, nil},
		"cargo":              {pkg.RustCargoLockEntry{Checksum: strings.Repeat("AB", 32)}, []string{"SHA256 " + strings.Repeat("ab", 32)}},
		"cargo, from git":    {pkg.RustCargoLockEntry{}, nil},
		"composer":           {pkg.PhpComposerInstalledEntry{Dist: pkg.PhpComposerExternalReference{Shasum: strings.Repeat("cd", 20)}}, []string{"SHA1 " + strings.Repeat("cd", 20)}},
		"composer, from git": {pkg.PhpComposerLockEntry{}, nil},
		"apk":                {pkg.ApkDBEntry{Checksum: "Q1MZkziT3M3zNgm5rAVmM4E3gXluw="}, []string{"OTHER apk-checksum Q1MZkziT3M3zNgm5rAVmM4E3gXluw="}},
		"Go":                 {pkg.GolangBinaryBuildinfoEntry{H1Digest: "h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0="}, []string{"OTHER go-sum h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0="}},
		"apk, hostile":       {pkg.ApkDBEntry{Checksum: "Q1\nPackageName: injected"}, nil},
		"dpkg":               {pkg.DpkgDBEntry{}, nil},
	} {
		out := sbom.Enrich(pkg.Package{Metadata: tt.metadata})
		var got []string
		for _, c := range out.PackageChecksums {
			got = append(got, string(c.Algorithm)+" "+c.Value)
		}
		for _, r := range out.PackageExternalReferences {
			got = append(got, r.Category+" "+r.RefType+" "+r.Locator)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The URL of an apk package is a home page, if it is a URL at all, and no download.
func TestHomePage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://musl.libc.org/": "https://musl.libc.org/", "http://example.com": "http://example.com",
		"": "", "none": "", "see the readme": "", "javascript:alert(1)": "", "https://": "", "http://[": "",
	} {
		out := sbom.Enrich(pkg.Package{Type: pkg.ApkPkg, Metadata: pkg.ApkDBEntry{URL: text}})
		if out.PackageHomePage != want || out.PackageDownloadLocation != "NOASSERTION" {
			t.Errorf("%q: home page %q, download %q", text, out.PackageHomePage, out.PackageDownloadLocation)
		}
	}
}
