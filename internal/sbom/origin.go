package sbom

import (
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/anchore/packageurl-go"
	"github.com/google/uuid"
)

const (
	toolName   = "seal-image"
	syftModule = "github.com/anchore/syft"
)

// origin is who makes documents, and when.
type origin struct {
	Version string    `json:"version"`          // of seal-image
	Author  string    `json:"author,omitempty"` // e.g. "Organization: acme"; empty: not named
	Created time.Time `json:"created"`
}

// id identifies a document by everything that it is made from, the creation time left out:
// a document that differs from an earlier one in nothing else is that document.
func (o origin) id(parts ...string) uuid.UUID {
	parts = append([]string{toolName, o.Version, "syft", syftVersion(), o.Author}, parts...)
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.Join(parts, "\n")))
}

// namespace of an SPDX document about an image or an index of the repository. The prefix is
// the one that the specification gives to those who do not host their documents.
// https://spdx.github.io/spdx-spec/v2.3/document-creation-information/#65-spdx-document-namespace-field
func (o origin) namespace(repository string, parts ...string) string {
	return "https://spdx.org/spdxdocs/" + path.Base(repository) + "-" + o.id(append(parts, "spdx", repository)...).String()
}

// serial is the serial number of a CycloneDX document.
// https://cyclonedx.org/docs/1.6/json/#serialNumber
func (o origin) serial(repository string, parts ...string) string {
	return o.id(append(parts, "cyclonedx", repository)...).URN()
}

func (o origin) created() string { return o.Created.UTC().Format(time.RFC3339) }

// imageURL is the package URL of an image or, without architecture, of an index.
// https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
func imageURL(repository, digest, architecture string) string {
	var qualifiers packageurl.Qualifiers
	if architecture != "" {
		qualifiers = append(qualifiers, packageurl.Qualifier{Key: "arch", Value: architecture})
	}
	qualifiers = append(qualifiers, packageurl.Qualifier{Key: "repository_url", Value: repository})
	return packageurl.NewPackageURL("oci", "", strings.ToLower(path.Base(repository)), digest, qualifiers, "").ToString()
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
