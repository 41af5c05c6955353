package sbom

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/format/syftjson/model"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"seal-image/internal/attest"
)

// documents are what was found in each format of the request, in order.
func (found *catalogued) documents(req request) ([][]byte, error) {
	if req.Options.Files == FilesNone {
		forgetFiles(found.SBOM)
	}
	out := make([][]byte, 0, len(req.Options.Formats))
	for _, format := range req.Options.Formats {
		document, err := found.encode(req, format)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", format, err)
		}
		out = append(out, document)
	}
	return out, nil
}

func (found *catalogued) encode(req request, format attest.Format) ([]byte, error) {
	if format == attest.SyftJSON {
		return found.syft()
	}
	found = found.withoutGuesses()
	doc, err := found.spdx(req)
	if err != nil {
		return nil, err
	}
	switch format {
	case attest.SPDXJSON:
		return compactJSON(doc)
	case attest.SPDXTagValue:
		return tagValue(doc)
	case attest.CycloneDXJSON:
		return found.cycloneDX(doc, req)
	default:
		return nil, errors.New("unknown format")
	}
}

// withoutGuesses has of each package the CPEs that somebody has said of it; if there is none, the
// likeliest of those that syft made up of its name. The guesses are six for each package, and were a
// third of a document. Syft's own JSON keeps them.
func (found *catalogued) withoutGuesses() *catalogued {
	out := *found.SBOM
	out.Artifacts.Packages = pkg.NewCollection()
	for p := range found.Artifacts.Packages.Enumerate() {
		if said := slices.DeleteFunc(slices.Clone(p.CPEs), func(c cpe.CPE) bool { return c.Source == cpe.GeneratedSource }); len(said) > 0 {
			p.CPEs = said
		} else if len(p.CPEs) > 0 {
			p.CPEs = p.CPEs[:1]
		}
		out.Artifacts.Packages.Add(p)
	}
	return &catalogued{SBOM: &out, locked: found.locked}
}

// syft encodes syft's own JSON. Packages that have name, version and place in common are in
// no order there.
func (found *catalogued) syft() ([]byte, error) {
	doc := syftjson.ToFormatModel(*found.SBOM, syftjson.DefaultEncoderConfig())
	slices.SortFunc(doc.Artifacts, func(a, b model.Package) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.ID, b.ID))
	})
	return compactJSON(&doc)
}

// forgetFiles takes away the files that packages were found in or own, which syft keeps
// even where no files are selected.
func forgetFiles(found *sbom.SBOM) {
	found.Artifacts.Unknowns = nil
	found.Relationships = slices.DeleteFunc(found.Relationships, func(r artifact.Relationship) bool {
		_, from := r.From.(file.Coordinates)
		_, to := r.To.(file.Coordinates)
		return from || to
	})
}
