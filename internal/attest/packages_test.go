package attest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
)

func TestPackages(t *testing.T) {
	t.Parallel()
	type list = []attest.Package
	for name, tt := range map[string]struct {
		format  attest.Format
		content string
		want    list
	}{
		"SPDX": {
			attest.SPDXJSON,
			`{"documentDescribes":["SPDXRef-image"],"packages":[
				{"SPDXID":"SPDXRef-image","name":"app","primaryPackagePurpose":"CONTAINER"},
				{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","licenseConcluded":"NOASSERTION","licenseDeclared":"(MIT OR Apache-2.0) AND LicenseRef-x AND MIT",
				 "externalRefs":[{"referenceLocator":"cpe:2.3:a:a:a:1"},{"referenceLocator":"pkg:NPM/a@1"}]},
				{"SPDXID":"SPDXRef-os","name":"debian","primaryPackagePurpose":"OPERATING_SYSTEM"},
				{"SPDXID":"SPDXRef-b","name":"b","licenseConcluded":"GPL-2.0-only WITH Classpath-exception-2.0","licenseDeclared":"MIT"}],
			  "hasExtractedLicensingInfos":[{"licenseId":"LicenseRef-x","name":"the X license"}],
			  "relationships":[
				{"spdxElementId":"SPDXRef-image","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-a"},
				{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-b"},
				{"spdxElementId":"SPDXRef-b","relationshipType":"DEV_DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-a"},
				{"spdxElementId":"SPDXRef-b","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-a"}]}`,
			list{
				{Name: "a", Version: "1", URL: "pkg:NPM/a@1", Licenses: []string{"MIT", "Apache-2.0", "the X license"}, DependsOn: []int{1}},
				{Name: "b", Licenses: []string{"GPL-2.0-only WITH Classpath-exception-2.0"}},
			},
		},
		"CycloneDX": {
			attest.CycloneDXJSON,
			`{"metadata":{"component":{"bom-ref":"image","name":"app"}},"components":[
				{"type":"library","bom-ref":"a","group":"@acme","name":"a","version":"1","purl":"pkg:npm/%40acme/a@1",
				 "licenses":[{"license":{"id":"MIT"}},{"license":{"name":"Our own, v2"}},{"expression":"ISC OR 0BSD"}],
				 "components":[{"type":"library","bom-ref":"b","name":"b"}]},
				{"type":"operating-system","name":"debian"},{"type":"file","name":"/etc/passwd"}],
			  "dependencies":[{"ref":"image","dependsOn":["a"]},{"ref":"a","dependsOn":["b","b","none"]}]}`,
			list{
				{Name: "@acme/a", Version: "1", URL: "pkg:npm/%40acme/a@1", Licenses: []string{"MIT", "Our own, v2", "ISC", "0BSD"}, DependsOn: []int{1}},
				{Name: "b"},
			},
		},
		"nothing":    {attest.SPDXJSON, `{}`, nil},
		"null":       {attest.CycloneDXJSON, `null`, nil},
		"nulls":      {attest.SPDXJSON, `{"packages":[null,{"externalRefs":null}],"relationships":[null],"documentDescribes":[null]}`, list{{}}},
		"components": {attest.CycloneDXJSON, `{"components":[null,{"components":[null,{}]}],"dependencies":[null]}`, list{{}, {}}},
		"one identifier": {
			attest.SPDXJSON,
			`{"packages":[{"SPDXID":"x","name":"a"},{"SPDXID":"x","name":"b"},{"SPDXID":"y","name":"c"}],
			  "relationships":[{"spdxElementId":"y","relationshipType":"DEPENDS_ON","relatedSpdxElement":"x"}]}`,
			list{{Name: "a"}, {Name: "b"}, {Name: "c", DependsOn: []int{0}}},
		},
		"a circle": {
			attest.CycloneDXJSON,
			`{"components":[{"bom-ref":"x"},{"bom-ref":"y"}],"dependencies":[{"ref":"x","dependsOn":["y","x"]},{"ref":"y","dependsOn":["x"]}]}`,
			list{{DependsOn: []int{1}}, {DependsOn: []int{0}}},
		},
		"exceptions": {
			attest.SPDXJSON,
			`{"packages":[{"licenseConcluded":"Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"},{"licenseConcluded":"MIT AND Apache-2.0 AND MIT WITH x"}]}`,
			list{{Licenses: []string{"Apache-2.0 WITH LLVM-exception", "Apache-2.0", "MIT"}}, {Licenses: []string{"MIT", "Apache-2.0", "MIT WITH x"}}},
		},
		"words of expressions": {
			attest.SPDXJSON,
			`{"packages":[{"licenseConcluded":"WITH x"},{"licenseConcluded":"MIT WITH"},{"licenseConcluded":"((NONE) and\tmit)"},{"licenseConcluded":"NONE","licenseDeclared":"ISC"}]}`,
			list{{Licenses: []string{"x"}}, {Licenses: []string{"MIT"}}, {Licenses: []string{"mit"}}, {Licenses: []string{"ISC"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := attest.Document{Format: tt.format, Bytes: []byte(tt.content)}.Packages()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPackagesRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format         attest.Format
		content, field string
	}{
		{attest.SPDXJSON, `{"packages":{}}`, "packages"},
		{attest.SPDXJSON, `{"packages":[1]}`, "packages"},
		{attest.SPDXJSON, `{"relationships":""}`, "relationships"},
		{attest.SPDXJSON, `{"documentDescribes":[{}]}`, "documentDescribes"},
		{attest.SPDXJSON, `{"hasExtractedLicensingInfos":[[]]}`, "hasExtractedLicensingInfos"},
		{attest.CycloneDXJSON, `{"components":true}`, "components"},
		{attest.CycloneDXJSON, `{"dependencies":[{"dependsOn":1}]}`, "dependencies"},
		{attest.CycloneDXJSON, `{"components":` + strings.Repeat(`[{"components":`, 1e5) + `[]` + strings.Repeat(`}]`, 1e5) + `}`, ""},
		{attest.SPDXJSON, `[]`, ""},
		{attest.SPDXJSON, `{`, ""},
		{attest.SyftJSON, `{"artifacts":[]}`, ""},
	} {
		got, err := attest.Document{Format: tt.format, Bytes: []byte(tt.content)}.Packages()
		var field attest.UnreadableError
		if err == nil || got != nil || errors.As(err, &field) != (tt.field != "") || string(field) != tt.field {
			t.Errorf("%.40s: %v and %v, want an error about %q", tt.content, got, err, tt.field)
		}
	}
}

func TestPackageType(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"pkg:npm/a@1": "npm", "pkg:Golang/x/y": "golang", "pkg://deb/debian/a": "deb", "pkg:npm": "", "pkg:": "", "": "",
	} {
		if got := (attest.Package{URL: url}).Type(); got != want {
			t.Errorf("the type of %q is %q, want %q", url, got, want)
		}
	}
}

// TestPackagesLinear: the worst that a document can say about its packages costs no more than
// its size. It counts allocations, so nothing runs beside it.
func TestPackagesLinear(t *testing.T) {
	const n = 20_000
	doc := func(n int) []byte {
		var components, needs strings.Builder
		for i := range n {
			fmt.Fprintf(&components, `,{"bom-ref":"%d","licenses":[{"expression":"a"}]}`, i)
			fmt.Fprintf(&needs, `,"%d"`, i)
		}
		return fmt.Appendf(nil, `{"components":[%s],"dependencies":[{"ref":"0","dependsOn":[%s]}]}`, components.String()[1:], needs.String()[1:])
	}
	cost := func(n int) float64 {
		content := doc(n)
		return testing.AllocsPerRun(1, func() {
			if got, err := (attest.Document{Format: attest.CycloneDXJSON, Bytes: content}).Packages(); err != nil || len(got) != n || len(got[0].DependsOn) != n-1 {
				t.Errorf("%d packages, %v", len(got), err)
			}
		})
	}
	if small, large := cost(n), cost(4*n); large > 5*small {
		t.Errorf("four times the packages cost %.0f allocations, a quarter of them %.0f", large, small)
	}
}

func FuzzPackages(f *testing.F) {
	f.Add([]byte(`{"packages":[{"SPDXID":"a","licenseDeclared":"MIT WITH x"}],"relationships":[{"spdxElementId":"a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"a"}]}`))
	f.Add([]byte(`{"components":[{"bom-ref":"a","components":[{"purl":"pkg:npm/a"}]}],"dependencies":[{"ref":"a","dependsOn":["a"]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, format := range []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON} {
			packages, _ := attest.Document{Format: format, Bytes: content}.Packages()
			for i, p := range packages {
				last := -1
				for _, at := range p.DependsOn {
					if at <= last || at == i || at >= len(packages) {
						t.Fatalf("package %d of %d depends on %v", i, len(packages), p.DependsOn)
					}
					last = at
				}
				if kind := p.Type(); len(kind) > len(p.URL) {
					t.Fatalf("the type of %q is %q", p.URL, kind)
				}
			}
		}
	})
}
