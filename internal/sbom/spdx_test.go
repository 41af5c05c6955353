package sbom_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdxlib"

	"seal-image/internal/attest"
	"seal-image/internal/sbom"
)

func TestSPDX(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digest := layoutOf(t, dir, debian)
	_, documents := request(dir, digest, attest.SPDXJSON, attest.SPDXTagValue).catalog(t)
	doc := readSPDX(t, documents[0])
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	if want := "registry.example.com/acme/app@" + digest.String(); doc.DocumentName != want {
		t.Errorf("name %s, want %s", doc.DocumentName, want)
	}
	wantInfo := &spdx.CreationInfo{
		LicenseListVersion: doc.CreationInfo.LicenseListVersion,
		Creators: []common.Creator{
			{CreatorType: "Organization", Creator: "acme"},
			{CreatorType: "Tool", Creator: "seal-image-1.2.3"},
			{CreatorType: "Tool", Creator: "syft-unknown"}, // a test does not know its modules
		},
		Created:        "2026-09-01T12:30:00Z",
		CreatorComment: "Of 22 packages, the image names no declared license for 22.",
	}
	if diff := cmp.Diff(wantInfo, doc.CreationInfo); diff != "" || doc.CreationInfo.LicenseListVersion == "" {
		t.Errorf("creation info (-want +got):\n%s", diff)
	}
	namesImage(t, doc, digest)
	dependsAsDpkgSays(t, doc)
	if !slices.IsSortedFunc(doc.Relationships, func(a, b *spdx.Relationship) int {
		return strings.Compare(common.RenderDocElementID(a.RefA)+a.Relationship, common.RenderDocElementID(b.RefA)+b.Relationship)
	}) {
		t.Error("the relationships are in no order")
	}
	if diff := cmp.Diff(comparable(doc), comparable(readTagValue(t, documents[1]))); diff != "" {
		t.Errorf("JSON and tag-value differ (-JSON +tag-value):\n%s", diff)
	}
}

// comparable is the document with packages in one order, and without what the encodings do
// not share.
func comparable(doc *spdx.Document) string {
	slices.SortFunc(doc.Packages, func(a, b *spdx.Package) int {
		return strings.Compare(string(a.PackageSPDXIdentifier), string(b.PackageSPDXIdentifier))
	})
	for _, p := range doc.Packages {
		p.PrimaryPackagePurpose = strings.ReplaceAll(p.PrimaryPackagePurpose, "-", "_")
	}
	encoded, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// namesImage checks that what the document describes is the image with this digest.
func namesImage(t *testing.T, doc *spdx.Document, digest v1.Hash) {
	t.Helper()
	described, err := spdxlib.GetDescribedPackageIDs(doc)
	if err != nil || len(described) != 1 {
		t.Fatalf("described are %v (%v), want the image alone", described, err)
	}
	p := packageOf(t, doc, described[0])
	if len(p.PackageChecksums) != 1 || p.PackageChecksums[0].Value != digest.Hex || p.PackageVersion != digest.String() {
		t.Errorf("version %s, checksums %v, want %s", p.PackageVersion, p.PackageChecksums, digest)
	}
	want := "pkg:oci/app@sha256%3A" + digest.Hex + "?arch=amd64&repository_url=registry.example.com%2Facme%2Fapp"
	if refs := p.PackageExternalReferences; len(refs) != 1 || refs[0].Locator != want || p.PrimaryPackagePurpose != "CONTAINER" {
		t.Errorf("purpose %s, references %v, want %s", p.PrimaryPackagePurpose, refs, want)
	}
}

func packageOf(t *testing.T, doc *spdx.Document, id common.ElementID) *spdx.Package {
	t.Helper()
	i := slices.IndexFunc(doc.Packages, func(p *spdx.Package) bool { return p.PackageSPDXIdentifier == id })
	if i < 0 {
		t.Fatalf("no package %s", id)
	}
	return doc.Packages[i]
}

// dependsAsDpkgSays compares with the field Depends of one package.
func dependsAsDpkgSays(t *testing.T, doc *spdx.Document) {
	t.Helper()
	if diff := cmp.Diff([]string{"libacl1", "libattr1", "libc6", "libgmp10", "libselinux1"}, dependencies(doc, "coreutils")); diff != "" {
		t.Errorf("dependencies of coreutils (-want +got):\n%s", diff)
	}
}

// dependencies are the names of what the package depends on, sorted.
func dependencies(doc *spdx.Document, name string) (out []string) {
	names := map[common.ElementID]string{}
	for _, p := range doc.Packages {
		names[p.PackageSPDXIdentifier] = p.PackageName
	}
	for _, r := range doc.Relationships {
		if r.Relationship == "DEPENDS_ON" && names[r.RefA.ElementRefID] == name {
			out = append(out, names[r.RefB.ElementRefID])
		}
	}
	slices.Sort(out)
	return out
}

// What npm locked of a package is in the document: where it came from, its hash, and which of
// two versions another gets.
func TestNPMLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, documents := request(dir, layoutOf(t, dir, "testdata/node"), attest.SPDXJSON, attest.CycloneDXJSON).catalog(t)
	doc := readSPDX(t, documents[0])
	got := map[string]string{}
	for _, p := range doc.Packages {
		if len(p.PackageChecksums) == 1 && p.PrimaryPackagePurpose == "LIBRARY" {
			got[p.PackageName+" "+p.PackageVersion] = p.PackageDownloadLocation + " " + string(p.PackageChecksums[0].Algorithm) + " " + p.PackageChecksums[0].Value[:8]
		}
	}
	want := map[string]string{
		"is-number 6.0.0": "https://registry.npmjs.org/is-number/-/is-number-6.0.0.tgz SHA512 5aed551d",
		"is-number 7.0.0": "https://registry.npmjs.org/is-number/-/is-number-7.0.0.tgz SHA512 e350a27e",
		"is-odd 3.0.1":    "https://registry.npmjs.org/is-odd/-/is-odd-3.0.1.tgz SHA512 090a6758",
		"ms 2.1.3":        "https://registry.npmjs.org/ms/-/ms-2.1.3.tgz SHA512 e85973b9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("locked (-want +got):\n%s", diff)
	}
	for _, r := range doc.Relationships {
		if r.Relationship == "DEPENDS_ON" {
			a, b := packageOf(t, doc, r.RefA.ElementRefID), packageOf(t, doc, r.RefB.ElementRefID)
			if a.PackageName != "is-odd" || b.PackageName != "is-number" || b.PackageVersion != "6.0.0" {
				t.Errorf("%s depends on %s %s", a.PackageName, b.PackageName, b.PackageVersion)
			}
			delete(want, "is-odd 3.0.1")
		}
	}
	if len(want) != 3 {
		t.Error("is-odd depends on nothing")
	}
	if n := bytes.Count(documents[1], []byte(`"alg":"SHA-512"`)); n != 4 {
		t.Errorf("%d hashes in CycloneDX, want 4", n)
	}
}

// Files are listed as far as asked for, each with the SHA-1 that SPDX wants, and none without
// content.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	req := request(dir, layoutOf(t, dir, debian, "testdata/files"), attest.SPDXJSON, attest.CycloneDXJSON, attest.SyftJSON)
	for files, want := range map[string][]string{
		sbom.FilesNone:  nil,
		sbom.FilesOwned: {"etc/debian_version", "var/lib/dpkg/info/netbase.md5sums", "var/lib/dpkg/status"},
		sbom.FilesAll:   {"etc/debian_version", "srv/unowned.txt", "var/lib/dpkg/info/netbase.md5sums", "var/lib/dpkg/status"},
	} {
		t.Run(files, func(t *testing.T) {
			t.Parallel()
			req := req
			req.Options.Files = files
			_, documents := req.catalog(t)
			doc := readSPDX(t, documents[0])
			if err := spdxlib.ValidateDocument(doc); err != nil {
				t.Error(err)
			}
			var got []string
			for _, f := range doc.Files {
				if f.Checksums[0].Algorithm != "SHA1" || strings.Trim(f.Checksums[0].Value, "0") == "" {
					t.Errorf("%s has the checksums %v", f.FileName, f.Checksums)
				}
				got = append(got, f.FileName)
			}
			for _, file := range want {
				if !slices.Contains(got, file) || !bytes.Contains(documents[1], []byte(file)) || !bytes.Contains(documents[2], []byte(file)) {
					t.Errorf("%s is not in every document", file)
				}
			}
			if files == sbom.FilesOwned && slices.Contains(got, "srv/unowned.txt") {
				t.Error("a file that nobody owns is listed")
			}
			if files == sbom.FilesNone && len(got) > 0 {
				t.Errorf("files %q", got)
			}
		})
	}
}

// Texts of the image cannot end their value in the tag-value format: it has the packages of
// the JSON, and no other.
func TestTagValueIsNotInjected(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	const end = "</text>\nPackageName: injected\nSPDXID: SPDXRef-injected\n<text>"
	manifest, err := json.Marshal(map[string]any{
		"name": "evil" + end, "version": "1.0" + end, "description": "several\r\nlines" + end, "license": "MIT" + end,
		"author": "Eve" + end + " <eve@example.com" + end + ">", "homepage": "https://example.com/" + end, "repository": end,
	})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, folder+"/srv/node_modules/evil/package.json", manifest)
	writeFile(t, folder+"/etc/os-release", []byte("ID=\"evil</text>\"\nVERSION_ID=\"<text>\"\nPRETTY_NAME=\"<text>\"\n"))
	dir := t.TempDir()
	req := request(dir, layoutOf(t, dir, folder), attest.SPDXJSON, attest.SPDXTagValue)
	req.Options.Files = sbom.FilesAll
	_, documents := req.catalog(t)
	want, got := readSPDX(t, documents[0]), readTagValue(t, documents[1])
	if len(want.Packages) != 3 || len(got.Packages) != len(want.Packages) || len(got.Relationships) != len(want.Relationships) {
		t.Errorf("%d packages and %d relationships in JSON, %d and %d in tag-value:\n%s",
			len(want.Packages), len(want.Relationships), len(got.Packages), len(got.Relationships), documents[1])
	}
	if len(got.Files) != 2 || slices.Contains(listedSPDX(got), "npm injected ") {
		t.Errorf("a text of the image became a tag:\n%s", documents[1])
	}
}
