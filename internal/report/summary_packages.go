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
	packages int // those that are counted for the user, in all platforms together; -1: no SBOM
	unique   int
	sboms    map[string]*attest.SBOM // by what they are about
	types    map[string]int
	licenses map[string]int
}

// listed is what one document lists.
type listed []attest.Package

// contentsOf reads the SBOMs of an image. known has those that were read, by their first byte:
// the same image may be in several repositories.
func contentsOf(s *attest.Seal, known map[*byte]*listed) *contents {
	c := &contents{packages: -1, sboms: map[string]*attest.SBOM{}, types: map[string]int{}, licenses: map[string]int{}}
	if s.Subject == nil {
		return c
	}
	for _, sbom := range s.SBOMs {
		c.sboms[imageKey(sbom.Image)] = sbom
	}
	type key struct{ name, version, url string }
	seen := map[key]bool{}
	for _, img := range s.Subject.Images {
		sbom := c.of(img)
		if sbom == nil {
			continue
		}
		c.packages = max(c.packages, 0) + sbom.Packages
		for _, p := range listOf(sbom, known) {
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

// of is the SBOM of an image, or nil.
func (c *contents) of(img attest.Image) *attest.SBOM { return c.sboms[imageKey(img)] }

func imageKey(img attest.Image) string { return img.Ref.String() + " " + img.Platform.String() }

// listOf are the packages of the first document that says; a summary goes without rather than
// fail.
func listOf(sbom *attest.SBOM, known map[*byte]*listed) listed {
	for _, doc := range sbom.Documents {
		if len(doc.Bytes) == 0 {
			continue
		}
		first := &doc.Bytes[0]
		if known[first] == nil {
			packages, err := doc.Packages()
			if err != nil {
				continue // of another format, or the user's own and odd
			}
			list := listed(packages)
			known[first] = &list
		}
		return *known[first]
	}
	return nil
}

// count is the number of packages in a cell of a table.
func (c *contents) count() string {
	if c.packages < 0 {
		return "–"
	}
	return strconv.Itoa(c.packages)
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
