package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/anchore/syft/syft/sbom"
	"github.com/google/uuid"
	"github.com/spdx/tools-golang/convert"
	spdxmodel "github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const (
	toolName   = "seal-image"
	syftModule = "github.com/anchore/syft"
)

// spdx encodes an SPDX 2.3 document. The same image, request and version of the tools
// give the same bytes: syft's own namespace is random, and its creation time is now.
// Specification: https://spdx.github.io/spdx-spec/v2.3/
func spdx(found *sbom.SBOM, req request) ([]byte, error) {
	model := spdxhelpers.ToFormatModel(*found)
	if model == nil || model.CreationInfo == nil {
		return nil, errors.New("syft gave no document")
	}
	withoutFiles(model)
	model.DocumentNamespace = namespace(req)
	model.CreationInfo.Created = req.Created.UTC().Format(time.RFC3339)
	model.CreationInfo.Creators = creators(req)
	var document v2_3.Document
	if err := convert.Document(model, &document); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(&document); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// withoutFiles drops the files that packages were found in. Syft lists them even where no
// files are selected, with a checksum of zeros, which says something wrong.
func withoutFiles(model *spdxmodel.Document) {
	files := map[common.ElementID]bool{}
	for _, f := range model.Files {
		files[f.FileSPDXIdentifier] = true
	}
	model.Files = nil
	model.Relationships = slices.DeleteFunc(model.Relationships, func(r *spdxmodel.Relationship) bool {
		return files[r.RefA.ElementRefID] || files[r.RefB.ElementRefID]
	})
}

func creators(req request) []common.Creator {
	return []common.Creator{
		{CreatorType: "Tool", Creator: toolName + "-" + req.Tool},
		{CreatorType: "Tool", Creator: "syft-" + syftVersion()},
	}
}

// namespace identifies the document: image, platform, creation time and tools.
// Section 6.5 of the specification; the prefix is the one that it gives to those who do
// not host their documents.
func namespace(req request) string {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.Join([]string{
		req.Repository + "@" + req.Digest, req.Platform, req.Created.UTC().Format(time.RFC3339),
		toolName, req.Tool, "syft", syftVersion(), "files=none",
	}, "\n")))
	return fmt.Sprintf("https://spdx.org/spdxdocs/%s-%s", path.Base(req.Repository), id)
}

// syftVersion is the version of syft that is linked in, without the leading "v".
func syftVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == syftModule {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return "unknown"
}
