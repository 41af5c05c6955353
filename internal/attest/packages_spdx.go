package attest

import (
	"encoding/json"
	"strings"
)

// spdxPackage is what is read of a package of SPDX 2.
// Source: https://spdx.github.io/spdx-spec/v2.3/package-information/
type spdxPackage struct {
	ID        string `json:"SPDXID"`
	Name      string `json:"name"`
	Version   string `json:"versionInfo"`
	Purpose   string `json:"primaryPackagePurpose"`
	Concluded string `json:"licenseConcluded"`
	Declared  string `json:"licenseDeclared"`
	Refs      []struct {
		Locator string `json:"referenceLocator"`
	} `json:"externalRefs"`
}

// spdxRelationship is A Type B.
// Source: https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/
type spdxRelationship struct {
	A    string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	B    string `json:"relatedSpdxElement"`
}

// spdxLicense is one that SPDX does not list.
type spdxLicense struct {
	ID   string `json:"licenseId"`
	Name string `json:"name"`
}

func packagesOfSPDX(top map[string]json.RawMessage) ([]Package, error) {
	var packages []*spdxPackage
	var relationships []spdxRelationship
	var describes []string
	var licenses []spdxLicense
	err := read(top, field{"packages", &packages}, field{"relationships", &relationships},
		field{"documentDescribes", &describes}, field{"hasExtractedLicensingInfos", &licenses})
	if err != nil {
		return nil, err
	}
	described, named := map[string]bool{}, map[string]string{}
	for _, id := range describes {
		described[id] = true
	}
	for _, r := range relationships {
		if r.A == "SPDXRef-DOCUMENT" && r.Type == "DESCRIBES" {
			described[r.B] = true
		}
	}
	for _, l := range licenses {
		named[l.ID] = l.Name
	}
	l := listing{places: map[string]int{}}
	for _, p := range packages {
		if p != nil && p.Purpose != "OPERATING_SYSTEM" && (!described[p.ID] || !p.isImage()) {
			l.add(p.ID, Package{Name: p.Name, Version: p.Version, URL: p.url(), Licenses: p.licenses(named)})
		}
	}
	for _, r := range relationships {
		switch {
		case r.Type == "DEPENDS_ON":
			l.depend(r.A, r.B)
		case strings.HasSuffix(r.Type, "DEPENDENCY_OF"): // also BUILD_DEPENDENCY_OF and others
			l.depend(r.B, r.A)
		}
	}
	return l.done(), nil
}

func (p *spdxPackage) isImage() bool {
	for _, ref := range p.Refs {
		if strings.HasPrefix(ref.Locator, "pkg:oci/") || strings.HasPrefix(ref.Locator, "pkg:docker/") {
			return true
		}
	}
	return p.Purpose == "CONTAINER"
}

func (p *spdxPackage) url() string {
	for _, ref := range p.Refs {
		if strings.HasPrefix(ref.Locator, "pkg:") {
			return ref.Locator
		}
	}
	return ""
}

func (p *spdxPackage) licenses(named map[string]string) []string {
	if concluded := licensesIn(p.Concluded, named); len(concluded) > 0 {
		return concluded
	}
	return licensesIn(p.Declared, named)
}
