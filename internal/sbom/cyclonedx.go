package sbom

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/format/common/cyclonedxhelpers"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// cycloneDX encodes a CycloneDX 1.6 document: syft's, with what the SPDX document doc has
// beyond it. As that, it is the same for the same input.
// https://cyclonedx.org/docs/1.6/json/
func (found *catalogued) cycloneDX(doc *spdx.Document, req request) ([]byte, error) {
	bom := cyclonedxhelpers.ToFormatModel(*found.SBOM)
	if bom.Components == nil || bom.Metadata == nil {
		return nil, errors.New("syft gave another document than expected")
	}
	components := *bom.Components
	byID := found.packagesOf(doc)
	for i, c := range components {
		if p := byID[idOf(c.BOMRef)]; p != nil {
			complete(&components[i], p)
		}
		if release := found.Artifacts.LinuxDistribution; c.Type == cyclonedx.ComponentTypeOS && release.ID != "" {
			components[i].PackageURL = systemURL(release)
		}
	}
	slices.SortFunc(components, func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	image := imageComponent(req.Repository, req.Digest, architecture(req.Platform))
	bom.SerialNumber = req.serial(req.Repository, req.parts()...)
	properties := bom.Metadata.Properties
	bom.Metadata = req.metadata(image)
	bom.Metadata.Properties = properties
	bom.Metadata.Lifecycles = &[]cyclonedx.Lifecycle{{Phase: cyclonedx.LifecyclePhasePostBuild}}
	dependOn(bom, image, components)
	// Nobody can say that no package is missing.
	bom.Compositions = &[]cyclonedx.Composition{{
		Aggregate: cyclonedx.CompositionAggregateUnknown, Assemblies: &[]cyclonedx.BOMReference{cyclonedx.BOMReference(image.BOMRef)},
	}}
	return encodeBOM(bom)
}

// packagesOf are the packages of the document by the identifier that syft has for them.
func (found *catalogued) packagesOf(doc *spdx.Document) map[string]*spdx.Package {
	named := map[common.ElementID]*spdx.Package{}
	for _, p := range doc.Packages {
		named[p.PackageSPDXIdentifier] = p
	}
	byID := map[string]*spdx.Package{}
	for p := range found.Artifacts.Packages.Enumerate() {
		byID[string(p.ID())] = named[packageID(p)]
	}
	return byID
}

// idOf is the identifier of syft in its BOM reference: a package URL with a qualifier for it,
// or the identifier alone where a package has no URL.
func idOf(ref string) string {
	url, err := packageurl.FromString(ref)
	if err != nil {
		return ref
	}
	return url.Qualifiers.Map()["package-id"]
}

// complete adds to a component what its package in the SPDX document has beyond it.
func complete(c *cyclonedx.Component, p *spdx.Package) {
	if s := p.PackageSupplier; s.Supplier != noAssertion {
		c.Supplier = entity(s.Supplier)
	}
	if hashes := hashesOf(p.PackageChecksums); len(hashes) > 0 {
		c.Hashes = &hashes
	}
	if c.ExternalReferences != nil {
		for i, ref := range *c.ExternalReferences {
			if p.PackageHomePage != "" && ref.URL == p.PackageHomePage { // syft's is a place to download from, for apk
				(*c.ExternalReferences)[i].Type = cyclonedx.ERTypeWebsite
			}
		}
	}
	if p.PrimaryPackagePurpose == application {
		c.Type = cyclonedx.ComponentTypeApplication
	}
}

func entity(text string) *cyclonedx.OrganizationalEntity {
	p := parseParty(text)
	out := &cyclonedx.OrganizationalEntity{Name: p.name}
	if p.email != "" {
		out.Contact = &[]cyclonedx.OrganizationalContact{{Email: p.email}}
	}
	return out
}

// hashesOf are the checksums that CycloneDX knows, by its names.
func hashesOf(sums []common.Checksum) []cyclonedx.Hash {
	names := map[common.ChecksumAlgorithm]cyclonedx.HashAlgorithm{
		common.MD5: cyclonedx.HashAlgoMD5, common.SHA1: cyclonedx.HashAlgoSHA1, common.SHA256: cyclonedx.HashAlgoSHA256,
		common.SHA384: cyclonedx.HashAlgoSHA384, common.SHA512: cyclonedx.HashAlgoSHA512,
	}
	var hashes []cyclonedx.Hash
	for _, sum := range sums {
		if name, ok := names[sum.Algorithm]; ok {
			hashes = append(hashes, cyclonedx.Hash{Algorithm: name, Value: sum.Value})
		}
	}
	return hashes
}

// imageComponent is an image or, without architecture, an index.
func imageComponent(repository, digest, architecture string) cyclonedx.Component {
	_, sha256, _ := strings.Cut(digest, ":")
	url := imageURL(repository, digest, architecture)
	return cyclonedx.Component{
		BOMRef: url, Type: cyclonedx.ComponentTypeContainer, Name: repository, Version: digest, PackageURL: url,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: sha256}},
	}
}

// metadata of a document about c.
func (o origin) metadata(c cyclonedx.Component) *cyclonedx.Metadata {
	m := &cyclonedx.Metadata{
		Timestamp: o.created(),
		Tools: &cyclonedx.ToolsChoice{Components: &[]cyclonedx.Component{
			{Type: cyclonedx.ComponentTypeApplication, Name: toolName, Version: o.Version},
			{Type: cyclonedx.ComponentTypeApplication, Name: "syft", Version: syftVersion()},
		}},
		Component: &c,
	}
	if kind, name, ok := strings.Cut(o.Author, ": "); ok {
		m.Authors = &[]cyclonedx.OrganizationalContact{{Name: name}}
		if kind == organization {
			m.Manufacturer = &cyclonedx.OrganizationalEntity{Name: name} // new in 1.6; readers look for authors
		}
	}
	return m
}

// dependOn makes the image depend on every component but files: nothing else says what it
// holds.
func dependOn(bom *cyclonedx.BOM, image cyclonedx.Component, components []cyclonedx.Component) {
	refs := make([]string, 0, len(components))
	for _, c := range components {
		if c.Type != cyclonedx.ComponentTypeFile {
			refs = append(refs, c.BOMRef)
		}
	}
	dependencies := []cyclonedx.Dependency{{Ref: image.BOMRef, Dependencies: &refs}}
	if bom.Dependencies != nil {
		dependencies = append(dependencies, *bom.Dependencies...)
	}
	bom.Dependencies = &dependencies
}

func encodeBOM(bom *cyclonedx.BOM) ([]byte, error) {
	var b bytes.Buffer
	err := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetEscapeHTML(false).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
