package sbom

import (
	"crypto/sha1" //nolint:gosec // the specification wants it
	"encoding/hex"
	"fmt"

	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"

	"seal-image/internal/attest"
)

// Index implements [attest.Cataloger]. A format that a platform lacks, or in which its
// document has no identity that can be referred to, is left out.
func (c *Cataloger) Index(subject *attest.Subject, platforms []*attest.SBOM) (*attest.SBOM, error) {
	out := &attest.SBOM{Image: attest.Image{Manifest: subject.Manifest}}
	for _, p := range platforms {
		out.Packages += p.Packages
	}
	for _, format := range []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON} {
		variants, err := variantsOf(platforms, format)
		if err != nil {
			return nil, err
		}
		if len(variants) < len(platforms) || len(platforms) == 0 {
			continue
		}
		describe := indexSPDX
		if format == attest.CycloneDXJSON {
			describe = indexCycloneDX
		}
		document, err := describe(c.origin(), subject.Manifest, variants)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", format, err)
		}
		out.Documents = append(out.Documents, attest.Document{Format: format, Bytes: document})
	}
	return out, nil
}

// variant is the image of one platform of an index, with its document.
type variant struct {
	attest.Image
	name     string // unique in the index, for identifiers
	id       string // of the document, see [given]
	document []byte
}

// variantsOf are the platforms that have a document in the format with an identity.
func variantsOf(platforms []*attest.SBOM, format attest.Format) ([]variant, error) {
	var variants []variant
	for _, p := range platforms {
		for _, doc := range p.Documents {
			if doc.Format != format {
				continue
			}
			known, err := recognize(doc.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read the %s document of %s: %w", format, p.Image.Platform, err)
			}
			if known.id == "" {
				continue
			}
			name := string(elementID(dashed(p.Image) + "-" + p.Image.Digest().Hex[:12]))
			variants = append(variants, variant{Image: p.Image, name: name, id: known.id, document: doc.Bytes})
		}
	}
	return variants, nil
}

func ids(about attest.Manifest, variants []variant) []string {
	out := []string{"index", about.Ref.DigestStr()}
	for _, v := range variants {
		out = append(out, v.id)
	}
	return out
}

// indexSPDX describes an index in SPDX 2.3: a package for it and for each of its images, which
// are variants of it, and whose own documents describe them.
// https://spdx.github.io/spdx-spec/v2.3/document-creation-information/#66-external-document-references-field
func indexSPDX(by origin, about attest.Manifest, variants []variant) ([]byte, error) {
	repository := about.Ref.Context().Name()
	index := imagePackage("Index", repository, about.Ref.DigestStr(), "")
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      about.Ref.String(),
		DocumentNamespace: by.namespace(repository, ids(about, variants)...),
		CreationInfo:      &spdx.CreationInfo{Creators: by.creators(), Created: by.created()},
		Packages:          []*spdx.Package{index},
		Relationships:     []*spdx.Relationship{relationship("DOCUMENT", common.TypeRelationshipDescribe, index.PackageSPDXIdentifier)},
	}
	for _, v := range variants {
		id := elementID("Image-" + v.name)
		sum := sha1.Sum(v.document) //nolint:gosec // as above
		doc.ExternalDocumentReferences = append(doc.ExternalDocumentReferences, spdx.ExternalDocumentRef{
			DocumentRefID: common.DocumentID(v.name), URI: v.id,
			Checksum: common.Checksum{Algorithm: common.SHA1, Value: hex.EncodeToString(sum[:])},
		})
		doc.Packages = append(doc.Packages, imagePackage(id, repository, v.Ref.DigestStr(), v.Platform.Architecture))
		described := relationship(id, common.TypeRelationshipDescribeBy, "DOCUMENT")
		described.RefB.DocumentRefID = common.DocumentID(v.name)
		doc.Relationships = append(doc.Relationships,
			relationship(index.PackageSPDXIdentifier, common.TypeRelationshipContains, id),
			relationship(id, common.TypeRelationshipVariantOf, index.PackageSPDXIdentifier),
			described)
	}
	return compactJSON(doc)
}
