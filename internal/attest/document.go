package attest

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"

	cosign "github.com/sigstore/cosign/v2/pkg/types"
)

// Format is a format of SBOM documents, by the name that syft has for it.
type Format string

// The formats. Those with a predicate type can be attested.
const (
	SPDXJSON      Format = "spdx-json"      // SPDX 2.3, JSON
	CycloneDXJSON Format = "cyclonedx-json" // CycloneDX 1.6, JSON
	SyftJSON      Format = "syft-json"
	SPDXTagValue  Format = "spdx" // SPDX 2.3, tag-value
)

// formatTraits is what is known of a format.
type formatTraits struct{ predicateType, mediaType, attached, extension string }

var traits = map[Format]formatTraits{
	SPDXJSON:      {SPDXPredicateType, "application/spdx+json", cosign.SPDXJSONMediaType, ".spdx.json"},
	CycloneDXJSON: {CycloneDXPredicateType, "application/vnd.cyclonedx+json", cosign.CycloneDXJSONMediaType, ".cdx.json"},
	SyftJSON:      {"", "application/vnd.syft+json", cosign.SyftMediaType, ".syft.json"},
	SPDXTagValue:  {"", "text/spdx", cosign.SPDXMediaType, ".spdx"},
}

// PredicateType of an attestation of such a document; empty if there is none.
func (f Format) PredicateType() string { return traits[f].predicateType }

// MediaType of such a document.
// Source: https://www.iana.org/assignments/media-types/
func (f Format) MediaType() string { return traits[f].mediaType }

// AttachedMediaType is the media type that `cosign attach sbom` gives such a document and
// `cosign download sbom` expects.
func (f Format) AttachedMediaType() string { return traits[f].attached }

// Extension of a file with such a document, e.g. ".spdx.json".
func (f Format) Extension() string { return traits[f].extension }

// Document is an SBOM in one format.
type Document struct {
	Format Format
	Bytes  []byte // what is signed, attached and written to files, byte for byte
}

// sameDocument reports whether two JSON documents differ in nothing but the time at which
// they were made.
func sameDocument(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	first, ok := withoutTime(a)
	if !ok {
		return false
	}
	second, ok := withoutTime(b)
	return ok && reflect.DeepEqual(first, second)
}

// withoutTime decodes an SPDX or CycloneDX document and takes its creation time away.
func withoutTime(document []byte) (map[string]any, bool) {
	var d map[string]any
	decode := json.NewDecoder(bytes.NewReader(document))
	decode.UseNumber()
	if decode.Decode(&d) != nil {
		return nil, false
	}
	for object, field := range map[string]string{"creationInfo": "created", "metadata": "timestamp"} {
		if info, ok := d[object].(map[string]any); ok {
			info = maps.Clone(info)
			delete(info, field)
			d[object] = info
		}
	}
	return d, true
}
