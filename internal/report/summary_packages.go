package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"seal-image/internal/attest"
)

// contents is what the SBOMs of an image list, each package once: many are in every platform.
type contents struct {
	unique          int
	types, licenses map[string]int // packages, by name
}

// lists are the packages of the documents that were read, by their first byte: the same image may be
// in several repositories.
type lists map[*byte][]attest.Package

// contentsOf reads the SBOMs of an image.
func contentsOf(s *attest.Seal, known lists) *contents {
	c := &contents{types: map[string]int{}, licenses: map[string]int{}}
	if s.Subject == nil {
		return c
	}
	type key struct{ name, version, url string }
	seen := map[key]bool{}
	for _, img := range s.Subject.Images {
		for _, p := range known.of(s.SBOMOf(img)) {
			k := key{p.Name, p.Version, p.URL}
			if seen[k] {
				continue
			}
			seen[k] = true
			c.unique++
			c.types[cmp.Or(p.Type(), "without package URL")]++
			for _, l := range p.Licenses {
				c.licenses[l]++
			}
			if len(p.Licenses) == 0 {
				c.licenses["not stated"]++
			}
		}
	}
	return c
}

// of are the packages of the first document that says; a summary goes without rather than fail.
func (l lists) of(sbom *attest.SBOM) []attest.Package {
	if sbom == nil {
		return nil
	}
	for _, doc := range sbom.Documents {
		if len(doc.Bytes) == 0 {
			continue
		}
		first := &doc.Bytes[0]
		packages, read := l[first]
		if !read {
			var err error
			if packages, err = doc.Packages(); err != nil {
				continue // of another format, or the user's own and odd
			}
			l[first] = packages
		}
		return packages
	}
	return nil
}

// counted is the number of packages of all platforms, in a cell of a table.
func counted(seal *attest.Seal) string {
	if n, ok := packages(seal); ok {
		return strconv.Itoa(n)
	}
	return "–"
}

// maxTop is how many types and licenses are shown.
const maxTop = 10

// inventory shows the types and licenses that most packages have.
func (s *summary) inventory(c *contents) {
	if c.unique == 0 {
		return
	}
	var b strings.Builder
	top(&b, "type", c.types)
	top(&b, "license", c.licenses)
	types := frequent(c.types)
	names := make([]string, 0, 3)
	for _, t := range types[:min(len(types), cap(names))] {
		names = append(names, fmt.Sprintf("%d %s", c.types[t], htmlText(t)))
	}
	rest := c.unique
	for _, t := range types[:len(names)] {
		rest -= c.types[t]
	}
	if rest > 0 {
		names = append(names, fmt.Sprintf("%d of other types", rest))
	}
	s.add(folded(fmt.Sprintf("%s: %s", plural(c.unique, "package"), strings.Join(names, ", ")), b.String()))
}

// top is a table of the names that most packages have.
func top(b *strings.Builder, what string, counts map[string]int) {
	names := frequent(counts)
	fmt.Fprintf(b, "| %s | packages |\n| --- | --: |\n", what)
	for _, name := range names[:min(len(names), maxTop)] {
		fmt.Fprintf(b, "| %s | %d |\n", code(name), counts[name])
	}
	b.WriteString("\n")
	if left := len(names) - maxTop; left > 0 {
		fmt.Fprintf(b, "%d more %ss, all in the SBOM.\n\n", left, what)
	}
}

// frequent sorts by number, then by name.
func frequent(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
