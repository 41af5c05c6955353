package sbom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// Options say what the documents hold, and in which formats they are.
type Options struct {
	Formats    []attest.Format `json:"formats"`
	Files      string          `json:"files"`      // [FilesNone], [FilesOwned] or [FilesAll]
	Catalogers []string        `json:"catalogers"` // syft's selection expressions, e.g. "os" or "-rpm"
	Exclude    []string        `json:"exclude"`    // globs of paths of the image, e.g. "/usr/share/**"
}

// What files a document lists.
const (
	FilesNone  = "none"
	FilesOwned = "owned" // by a package
	FilesAll   = "all"
)

// Check finds out whether syft has the catalogers that are selected. It needs no image. The
// error is a [problem.Problem].
func (o Options) Check(ctx context.Context) error {
	if len(o.Catalogers) == 0 {
		return nil
	}
	for _, expression := range o.Catalogers {
		if err := selects(ctx, expression); err != nil {
			return wrongCataloger(ctx, expression, err)
		}
	}
	if err := selects(ctx, o.Catalogers...); err != nil {
		return &problem.Problem{
			Code: problem.InputInvalid,
			What: "The input catalogers selects nothing.",
			Why:  fmt.Sprintf("No cataloger is left of %q together.", o.Catalogers),
			Fix:  "Take an expression away, e.g. leave `catalogers` out for the default.",
			Err:  err,
		}
	}
	return nil
}

func wrongCataloger(ctx context.Context, expression string, err error) error {
	p := &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("The input catalogers has %q, which selects nothing.", expression),
		Why:  "No cataloger has this name or tag.",
		Fix:  "Write tags such as os, language or rpm to select by, +NAME to add one cataloger, -NAME or -TAG to leave out; `syft cataloger list` prints them. E.g. below `with:`\n  catalogers: os,language",
		Err:  err,
	}
	name := strings.TrimLeft(expression, "+-")
	for _, meant := range []string{name, "+" + name} {
		if meant != expression && selects(ctx, meant) == nil {
			p.Why = "A tag selects without a sign, and a name adds with a plus sign."
			p.Fix = "Write below `with:`\n  catalogers: " + meant
		}
	}
	return p
}

// selects is nil if syft finds catalogers for all expressions together.
func selects(ctx context.Context, expressions ...string) error {
	// Syft selects in the first step of a run, and asks for the files in the next.
	_, err := syft.CreateSBOM(ctx, noFiles{}, selection(expressions))
	if errors.Is(err, errNoFiles) {
		return nil
	}
	return err
}

func selection(expressions []string) *syft.CreateSBOMConfig {
	return syft.DefaultCreateSBOMConfig().
		WithCatalogerSelection(cataloging.NewSelectionRequest().WithExpression(slices.Clone(expressions)...))
}

// noFiles is an image that syft gets no file of.
type noFiles struct{}

var errNoFiles = errors.New("no files")

func (noFiles) ID() artifact.ID { return "" }
func (noFiles) Describe() source.Description {
	return source.Description{Metadata: source.ImageMetadata{}}
}
func (noFiles) Close() error { return nil }

func (noFiles) FileResolver(source.Scope) (file.Resolver, error) { return nil, errNoFiles }
