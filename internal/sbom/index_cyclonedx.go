package sbom

import (
	"crypto/sha256"
	"encoding/hex"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"

	"seal-image/internal/attest"
)

// indexCycloneDX describes an index in CycloneDX 1.6: its images are components, each with a
// link to its own document.
// https://cyclonedx.org/capabilities/bomlink/
func indexCycloneDX(by origin, about attest.Manifest, variants []variant) ([]byte, error) {
	repository := about.Ref.Context().Name()
	index := imageComponent(repository, about.Ref.DigestStr(), "")
	components := make([]cyclonedx.Component, 0, len(variants))
	for _, v := range variants {
		image := imageComponent(repository, v.Ref.DigestStr(), v.Platform.Architecture)
		sum := sha256.Sum256(v.document)
		image.ExternalReferences = &[]cyclonedx.ExternalReference{{
			Type: cyclonedx.ERTypeBOM, URL: v.id, Comment: v.Platform.String(),
			Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		}}
		components = append(components, image)
	}
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = by.serial(repository, ids(about, variants)...)
	bom.Metadata = by.metadata(index)
	bom.Components = &components
	dependOn(bom, index, components)
	return encodeBOM(bom)
}
