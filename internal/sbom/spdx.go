package sbom

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/anchore/syft/syft/pkg"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/tagvalue"
)

// spdx makes an SPDX 2.3 document: syft's, with what the package databases hold beyond
// it. The same image, request and version of the tools give the same document: syft's own
// namespace is random, and its creation time is now.
// https://spdx.github.io/spdx-spec/v2.3/
func (found *catalogued) spdx(req request) (*spdx.Document, error) {
	doc := spdxhelpers.ToFormatModel(*found.SBOM)
	packages, image, err := found.match(doc)
	if err != nil {
		return nil, err
	}
	*image = *imagePackage(image.PackageSPDXIdentifier, req.Repository, req.Digest, architecture(req.Platform))
	addOperatingSystem(doc, image, found.Artifacts.LinuxDistribution)
	dropUnhashedFiles(doc)
	defineLicenses(doc)
	doc.DocumentName = req.Repository + "@" + req.Digest
	doc.DocumentNamespace = req.namespace(req.Repository, req.parts()...)
	doc.CreationInfo.Created = req.created()
	doc.CreationInfo.Creators = req.creators()
	doc.CreationInfo.CreatorComment = strings.TrimSpace(gaps(packages) + " " + conclude(packages))
	order(doc)
	return doc, nil
}

// match enriches the packages of syft's document, and finds the one that is the image.
func (found *catalogued) match(doc *spdx.Document) (packages []*spdx.Package, image *spdx.Package, err error) {
	byID := map[common.ElementID]pkg.Package{}
	for p := range found.Artifacts.Packages.Enumerate() {
		byID[packageID(p)] = p
	}
	described := slices.IndexFunc(doc.Relationships, func(r *spdx.Relationship) bool {
		return r.Relationship == common.TypeRelationshipDescribe
	})
	for _, out := range doc.Packages {
		if p, ok := byID[out.PackageSPDXIdentifier]; ok {
			enrich(out, p, found.locked[p.ID()])
		}
		if described >= 0 && out.PackageSPDXIdentifier == doc.Relationships[described].RefB.ElementRefID {
			image = out
		} else {
			packages = append(packages, out)
		}
	}
	if image == nil {
		return nil, nil, errors.New("syft's document does not describe the image")
	}
	return packages, image, nil
}

// packageID is the identifier that syft gives p in SPDX. One that syft read in a document in
// the image keeps its own.
func packageID(p pkg.Package) common.ElementID {
	id, given := strings.CutPrefix(string(p.ID()), "SPDXRef-")
	if !given && !strings.HasPrefix(id, "Package-") {
		id = fmt.Sprintf("Package-%s-%s-%s", p.Type, p.Name, id)
	}
	return elementID(id)
}

func architecture(platform string) string {
	_, rest, _ := strings.Cut(platform, "/")
	arch, _, _ := strings.Cut(rest, "/")
	return arch
}

// creators are the section 6.8 of the specification.
func (o origin) creators() []common.Creator {
	creators := []common.Creator{
		{CreatorType: "Tool", Creator: toolName + "-" + o.Version},
		{CreatorType: "Tool", Creator: "syft-" + syftVersion()},
	}
	if kind, name, ok := strings.Cut(o.Author, ": "); ok {
		creators = append([]common.Creator{{CreatorType: kind, Creator: name}}, creators...)
	}
	return creators
}

// dropUnhashedFiles drops what has no content to hash: folders, links and devices. Syft
// lists them with a checksum of zeros, which says something wrong.
func dropUnhashedFiles(doc *spdx.Document) {
	dropped := map[common.ElementID]bool{}
	doc.Files = slices.DeleteFunc(doc.Files, func(f *spdx.File) bool {
		unhashed := strings.Trim(f.Checksums[0].Value, "0") == ""
		dropped[f.FileSPDXIdentifier] = unhashed
		return unhashed
	})
	doc.Relationships = slices.DeleteFunc(doc.Relationships, func(r *spdx.Relationship) bool {
		return dropped[r.RefA.ElementRefID] || dropped[r.RefB.ElementRefID]
	})
}

// order says of dependencies what depends on what, the way round that most readers look
// for, and sorts: syft finds packages side by side.
func order(doc *spdx.Document) {
	for _, r := range doc.Relationships {
		if r.Relationship == common.TypeRelationshipDependencyOf {
			r.Relationship = common.TypeRelationshipDependsOn
			r.RefA, r.RefB = r.RefB, r.RefA
		}
	}
	slices.SortFunc(doc.Relationships, func(a, b *spdx.Relationship) int {
		return cmp.Or(
			cmp.Compare(a.RefA.ElementRefID, b.RefA.ElementRefID),
			cmp.Compare(a.Relationship, b.Relationship),
			cmp.Compare(a.RefB.ElementRefID, b.RefB.ElementRefID),
		)
	})
	slices.SortFunc(doc.Packages, func(a, b *spdx.Package) int {
		return cmp.Compare(a.PackageSPDXIdentifier, b.PackageSPDXIdentifier)
	})
}

// compactJSON encodes without line breaks and without escaping HTML.
func compactJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// tagValue encodes doc as tag-value, and changes it: see [plain].
func tagValue(doc *spdx.Document) ([]byte, error) {
	plain(doc)
	for _, p := range doc.Packages {
		// JSON has an underscore where tag-value has a hyphen.
		p.PrimaryPackagePurpose = strings.ReplaceAll(p.PrimaryPackagePurpose, "_", "-")
	}
	var b bytes.Buffer
	if err := tagvalue.Write(doc, &b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
