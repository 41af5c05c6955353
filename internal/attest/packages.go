package attest

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Package is one that an SBOM document lists.
type Package struct {
	Name, Version string
	URL           string // package URL, e.g. "pkg:npm/left-pad@1.3.0"; empty if the document has none
	// Licenses are the names in the expression that is concluded or, where nothing is, in the
	// one that is declared, in its order: identifiers of SPDX, or how the document names
	// another license.
	Licenses []string
	// DependsOn are the packages that this one needs, by their place in the list, ascending.
	DependsOn []int
}

// Type is that of the package URL, in lower case, e.g. "npm" or "deb"; empty without one.
// Source: https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
func (p Package) Type() string {
	rest, _ := strings.CutPrefix(p.URL, "pkg:")
	kind, _, found := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if !found {
		return ""
	}
	return strings.ToLower(kind)
}

// errNoList is of documents whose packages are not read.
var errNoList = errors.New("packages are read of SPDX 2 and CycloneDX, both as JSON")

// UnreadableError is of a document that has something else where the packages are said to
// be. Its text is the name of the field at the top of the document.
type UnreadableError string

func (e UnreadableError) Error() string { return "cannot read the field " + string(e) }

// Packages are those that the document lists, in its order, without the image that it
// describes, the operating system and files; also packages within others. It reads
// [SPDXJSON] of any version 2 and [CycloneDXJSON] of any version, and believes nothing: of
// two with one identifier, the first is what relations mean. Time and memory are linear in
// the document. The error is an [UnreadableError], or says that it is another kind of file.
func (d Document) Packages() ([]Package, error) {
	// By exact names: a struct would also take "PACKAGES".
	var top map[string]json.RawMessage
	if err := json.Unmarshal(d.Bytes, &top); err != nil {
		return nil, err
	}
	switch d.Format {
	case SPDXJSON:
		return packagesOfSPDX(top)
	case CycloneDXJSON:
		return packagesOfCycloneDX(top)
	default:
		return nil, errNoList
	}
}

// field reads one field of the top of a document; one that is not there changes nothing.
type field struct {
	name string
	into any
}

func read(top map[string]json.RawMessage, fields ...field) error {
	for _, f := range fields {
		if top[f.name] != nil && json.Unmarshal(top[f.name], f.into) != nil {
			return UnreadableError(f.name)
		}
	}
	return nil
}

// listing collects packages, and finds them again by their identifiers.
type listing struct {
	packages []Package
	places   map[string]int
}

func (l *listing) add(id string, p Package) {
	if _, known := l.places[id]; !known && id != "" {
		l.places[id] = len(l.packages)
	}
	l.packages = append(l.packages, p)
}

// depend notes that a needs b, where both are packages and not the same one.
func (l *listing) depend(a, b string) {
	from, knownA := l.places[a]
	to, knownB := l.places[b]
	if knownA && knownB && from != to {
		l.packages[from].DependsOn = append(l.packages[from].DependsOn, to)
	}
}

func (l *listing) done() []Package {
	for i, p := range l.packages {
		slices.Sort(p.DependsOn)
		l.packages[i].DependsOn = slices.Compact(p.DependsOn)
	}
	return l.packages
}

// licensesIn are the names in an expression, each once. A license with an exception is one
// name, as nobody has the one without the other.
// Source: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
func licensesIn(expression string, named map[string]string) (out []string) {
	apart := func(r rune) bool { return r == '(' || r == ')' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }
	with := false
	for _, word := range strings.FieldsFunc(expression, apart) {
		switch strings.ToUpper(word) {
		case "AND", "OR", "NONE", "NOASSERTION":
			continue
		case "WITH":
			with = len(out) > 0
			continue
		}
		word = cmp.Or(named[word], unlisted(word))
		if with {
			out[len(out)-1] += " WITH " + word
			with = false
			continue
		}
		out = append(out, word)
	}
	return once(out)
}

// once are the names in their order, each where it is first.
func once(names []string) (out []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// unlisted is the name within an identifier of a license that SPDX does not list.
func unlisted(id string) string { return strings.TrimPrefix(id, "LicenseRef-") }
