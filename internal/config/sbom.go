package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// SBOM is which documents are made, and where they go.
type SBOM struct {
	Enabled bool
	// Path is a file to attest instead of a document that is made: absolute, below the
	// workspace by its text. It may have {platform} in it, and then was not looked for.
	// Whoever opens it uses [os.Root]: a link may lead out of the workspace. Empty: none.
	Path string
	// Formats are of spdx-json, cyclonedx-json, syft-json and spdx, in the order of the
	// input, each once. Nil with a Path, whose format is the file's own.
	Formats    []string
	Files      string   // which files are described: none, owned or all
	Catalogers []string // syft's selection expressions
	Exclude    []string // globs of the image's paths, from the root of the image
	AllowEmpty bool     // a document without packages is fine

	Attestation bool // attach a signed statement
	Referrer    bool // attach the plain document
	Tag         bool // attach it as `cosign attach sbom` did
}

const (
	maxSBOMBytes = 64 << 20
	platformHole = "{platform}" // in sbom-path
)

// sbom reads the inputs of the SBOM.
func (r *reader) sbom() SBOM {
	s := SBOM{
		Enabled:    r.flag("sbom"),
		Path:       r.sbomPath(),
		Formats:    r.choices("format", "spdx-json", "cyclonedx-json", "syft-json", "spdx"),
		Files:      r.choice("sbom-files", "none", "owned", "all"),
		Catalogers: r.catalogers(),
		Exclude:    r.exclude(),
		AllowEmpty: r.flag("allow-empty-sbom"),
	}
	attach := r.choices("attach-sbom", "attestation", "referrer", "tag")
	s.Attestation = slices.Contains(attach, "attestation")
	s.Referrer = slices.Contains(attach, "referrer")
	s.Tag = slices.Contains(attach, "tag")
	if s.Enabled && len(r.list("attach-sbom")) == 0 {
		r.wrong("attach-sbom", "it is empty, so the SBOM would go nowhere", "attach-sbom: attestation   # or `sbom: false`")
	}
	switch {
	case r.text("sbom-path") != "":
		s.Formats = nil
		r.sbomGiven(s)
	case len(s.Formats) == 0:
		s.Formats = []string{r.defaults["format"]}
	case s.Enabled && s.Attestation && !slices.Contains(s.Formats, "spdx-json") && !slices.Contains(s.Formats, "cyclonedx-json"):
		r.wrong("format", "attach-sbom has attestation, and none of these formats can be attested", "format: spdx-json,"+strings.Join(s.Formats, ","))
	}
	return s
}

// sbomGiven finds what contradicts `sbom-path`.
func (r *reader) sbomGiven(s SBOM) {
	const example = "sbom-path: path/to/sbom.json"
	if !s.Enabled && !r.mistaken("sbom") {
		r.wrong("sbom", "it is false, and sbom-path names an SBOM to attest", example+"   # and no `sbom: false`")
	}
	for _, input := range []string{"format", "sbom-files", "catalogers", "exclude"} {
		if r.text(input) != r.defaults[input] {
			r.wrong(input, "it is for an SBOM that is generated, and sbom-path names one that exists", example+"   # and no "+input)
		}
	}
}

// sbomPath reads `sbom-path`: the absolute path of a file below the workspace; "" if the
// input is empty and on a mistake.
func (r *reader) sbomPath() string {
	const (
		input   = "sbom-path"
		example = "sbom-path: path/to/sbom.json   # relative to the workspace"
	)
	v := r.text(input)
	if v == "" {
		return ""
	}
	path, ok := within(r.workspace, v)
	if !ok || path == "." {
		r.wrong(input, quote(v)+" is not a file below the workspace", example)
		return ""
	}
	absolute := filepath.Join(r.workspace, path)
	if strings.Contains(path, platformHole) {
		return absolute
	}
	switch info, err := r.stat(path); {
	case missing(err):
		r.wrong(input, "there is no file "+quote(v)+" in the workspace", example+", made before this step")
	case err != nil:
		r.wrong(input, quote(v)+" cannot be opened; a link that leaves the workspace is not followed", example)
	case !info.Mode().IsRegular() || info.Size() > maxSBOMBytes:
		r.wrong(input, quote(v)+" is not a file of at most 64 MiB", example)
	}
	return absolute
}

// stat describes a file of the workspace, and refuses a link that leaves it.
func (r *reader) stat(path string) (fs.FileInfo, error) {
	root, err := os.OpenRoot(r.workspace)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Stat(path)
}

var cataloger = regexp.MustCompile(`^[+-]?[a-z0-9][a-z0-9-]*$`)

// catalogers reads syft's selection expressions: name or tag, +name, -name.
func (r *reader) catalogers() []string {
	list := r.list("catalogers")
	for _, s := range list {
		if !cataloger.MatchString(s) {
			r.wrong("catalogers", quote(s)+" does not select a cataloger: a name or a tag of syft, with + or - before it or not", "catalogers: image,-binary,+sbom-cataloger")
		}
	}
	return list
}

var excludeStart = regexp.MustCompile(`^(/|\./|\*/|\*\*/)`)

// exclude reads globs of paths to leave out. syft compares them with absolute paths of
// files and folders: what begins with a dot or ends with a slash would match nothing, without a word.
func (r *reader) exclude() []string {
	var globs []string
	for _, s := range r.list("exclude") {
		const example = "exclude: /usr/share/doc,**/testdata/**"
		switch {
		case !excludeStart.MatchString(s):
			r.wrong("exclude", quote(s)+" begins with none of /, ./, */ and **/", example)
		case !doublestar.ValidatePattern(s):
			r.wrong("exclude", quote(s)+" is not a glob; a comma ends one, also between { and }", example)
		default:
			s = strings.TrimPrefix(s, ".")
			globs = append(globs, s[:1]+strings.TrimSuffix(s[1:], "/"))
		}
	}
	return globs
}
