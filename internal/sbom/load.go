package sbom

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// platformHole stands in a path for the platform, written with hyphens.
const platformHole = "{platform}"

// maxGiven bounds the user's document.
const maxGiven = 64 << 20

// Load implements [attest.Cataloger]: the bytes of the user's document stay as they are.
func (c *Cataloger) Load(img attest.Image) (*attest.SBOM, error) {
	path := strings.ReplaceAll(c.Path, platformHole, dashed(img))
	shown, err := filepath.Rel(c.Workspace, path)
	if err != nil {
		return nil, fmt.Errorf("find %s in the workspace: %w", path, err)
	}
	content, err := readGiven(c.Workspace, shown)
	if err != nil {
		return nil, unreadable(shown, img, err)
	}
	d, err := recognize(content)
	if err != nil {
		return nil, unusable(shown, err)
	}
	doc := attest.Document{Format: d.format, Bytes: content}
	packages, err := doc.Packages()
	if err != nil {
		return nil, unusable(shown, unlisted(d.format, err))
	}
	return &attest.SBOM{Image: img, Documents: []attest.Document{doc}, Packages: len(packages)}, nil
}

// dashed is the platform of img as a file's name has it, e.g. "linux-arm-v7".
func dashed(img attest.Image) string { return strings.ReplaceAll(img.Platform.String(), "/", "-") }

var (
	errLarge   = errors.New("too large")
	errNotFile = errors.New("not a file")
)

// readGiven reads a file of the folder; a link that leaves the folder is not followed.
func readGiven(folder, path string) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Opening a pipe would wait for somebody who writes.
	if info, err := root.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errNotFile
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxGiven+1))
	if err == nil && len(content) > maxGiven {
		err = errLarge
	}
	return content, err
}

func unreadable(path string, img attest.Image, err error) error {
	p := &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("The SBOM for %s, %q, cannot be read.", img.Platform, path),
		Why:  "It is not a file of the workspace that can be opened; a link that leaves the workspace is not followed.",
		Fix:  "Write below `with:` the path of a file, relative to the workspace, e.g.\n  sbom-path: sbom/{platform}.json   # linux-amd64, linux-arm-v7",
		Err:  err,
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Why = "The workspace has no such file."
		p.Fix = fmt.Sprintf("Make the file before this step, or name with `platforms` those that have one. In `sbom-path`, {platform} stands for %s.", dashed(img))
	case errors.Is(err, errLarge):
		p.Why = fmt.Sprintf("It has more than %d MiB.", maxGiven>>20)
		p.Fix = "Leave the files out of the SBOM; packages are what it is for."
	}
	return p
}

func unusable(path string, err error) error {
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("The file %q is not an SBOM that can be attested.", path),
		Why:  err.Error(),
		Fix:  "Write SPDX 2.3 or CycloneDX as JSON, e.g. with `syft IMAGE -o spdx-json=FILE` or `-o cyclonedx-json=FILE`, or leave `sbom-path` out.",
	}
}
