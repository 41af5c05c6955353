package sbom

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging/filecataloging"
	syftfile "github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	_ "modernc.org/sqlite" // driver of the rpm database; without it one rpmdb.sqlite fails the whole catalog
)

// maxRequest bounds the request.
const maxRequest = 1 << 20

// Child is the other side of [Cataloger]: it reads a request from in and writes the
// documents to out. It needs a TMPDIR that it may write to.
func Child(ctx context.Context, in io.Reader, out io.Writer) error {
	var req request
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&req); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	found, err := catalog(ctx, req)
	if err != nil {
		return err
	}
	document, err := spdx(found, req)
	if err != nil {
		return fmt.Errorf("encode SPDX: %w", err)
	}
	return writeAnswer(out, found.Artifacts.Packages.PackageCount(), document)
}

// catalog runs syft on one image of the layout.
func catalog(ctx context.Context, req request) (*sbom.SBOM, error) {
	img, err := open(req)
	if err != nil {
		return nil, err
	}
	gen := file.NewTempDirGenerator("seal-image")
	defer func() { _ = gen.Cleanup() }() // the parent removes TMPDIR anyway
	content, err := gen.NewDirectory("content")
	if err != nil {
		return nil, fmt.Errorf("make folder for content: %w", err)
	}
	reference := req.Repository + "@" + req.Digest
	read := image.New(img, gen, content, image.WithManifestDigest(req.Digest), image.WithRepoDigests(reference))
	if err := read.Read(ctx); err != nil {
		return nil, fmt.Errorf("read layers: %w", err)
	}
	source := stereoscopesource.New(read, stereoscopesource.ImageConfig{Reference: reference})
	defer source.Close()
	found, err := syft.CreateSBOM(ctx, source, config(req))
	if err != nil {
		return nil, fmt.Errorf("catalog packages: %w", err)
	}
	return found, nil
}

// config is syft's default for images without its file catalogers: files are most of a
// document's bytes, and a log that stores whole entries refuses megabytes.
func config(req request) *syft.CreateSBOMConfig {
	files := filecataloging.DefaultConfig()
	files.Selection = syftfile.NoFilesSelection
	return syft.DefaultCreateSBOMConfig().WithTool(toolName, req.Tool).WithFilesConfig(files)
}

func open(req request) (v1.Image, error) {
	path, err := layout.FromPath(req.Layout)
	if err != nil {
		return nil, fmt.Errorf("open layout: %w", err)
	}
	digest, err := v1.NewHash(req.Digest)
	if err != nil {
		return nil, err
	}
	img, err := path.Image(digest)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	return img, nil
}
