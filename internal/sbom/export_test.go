package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/github"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/source"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"

	"seal-image/internal/attest"
)

// PercentOf is how much garbage there may be.
func PercentOf(inUse, room uint64) int { return percentOf(inUse, room) }

// ProgramType is how many bytes of a file its type is seen by.
const ProgramType = programType

// GitHubJSON is syft's format for the dependency graph of GitHub.
const GitHubJSON attest.Format = "github-json"

// ChildIn is [Child], in a context of syft's.
func ChildIn(ctx context.Context, in io.Reader, out io.Writer) error {
	req, lines, err := readRequest(in)
	if err != nil {
		return err
	}
	return answer(ctx, func() (context.Context, error) { return ctx, nil }, req, lines, out)
}

// Resolvers are syft's and ours for the image of a request. The func closes them.
func Resolvers(ctx context.Context, encoded []byte) (syfts, ours file.Resolver, done func(), err error) {
	var req request
	if err := json.Unmarshal(encoded, &req); err != nil {
		return nil, nil, nil, err
	}
	image, done, err := open(ctx, req, json.NewDecoder(strings.NewReader("")))
	if err != nil {
		return nil, nil, done, err
	}
	ours, err = image.FileResolver(source.SquashedScope)
	if err != nil {
		return nil, nil, done, err
	}
	return ours.(*resolver).Resolver, ours, done, nil
}

// SyftsOwn is the document that syft itself makes for the request at its defaults.
func SyftsOwn(ctx context.Context, encoded []byte, format attest.Format) ([]byte, error) {
	var req request
	if err := json.Unmarshal(encoded, &req); err != nil {
		return nil, err
	}
	image, done, err := open(ctx, req, json.NewDecoder(strings.NewReader("")))
	defer done()
	if err != nil {
		return nil, err
	}
	found, err := syft.CreateSBOM(ctx, image, syft.DefaultCreateSBOMConfig().WithTool("syft", "1.54.1"))
	if err != nil {
		return nil, err
	}
	encoder := github.NewFormatEncoder()
	if format == attest.SPDXJSON {
		encoder, err = spdxjson.NewFormatEncoderWithConfig(spdxjson.EncoderConfig{Version: "2.3"})
	}
	if format == attest.CycloneDXJSON {
		encoder, err = cyclonedxjson.NewFormatEncoderWithConfig(cyclonedxjson.EncoderConfig{Version: "1.6"})
	}
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = encoder.Encode(&b, *found)
	return b.Bytes(), err
}

// Enrich fills a package of the document as of an empty one of syft's.
func Enrich(p pkg.Package) *spdx.Package {
	out := &spdx.Package{PackageSupplier: &common.Supplier{Supplier: noAssertion}}
	enrich(out, p, locked{})
	return out
}
