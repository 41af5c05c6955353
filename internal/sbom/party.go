package sbom

import (
	"slices"
	"strings"
	"unicode"
)

// party is a person or an organization that makes software.
type party struct{ name, email string }

// parseParty reads "Name <mail>", which package databases have, "Name (mail)", which SPDX
// has, or either part alone.
func parseParty(text string) party {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	name, rest, ok := strings.Cut(text, "<")
	email, _, closed := strings.Cut(rest, ">")
	if !ok || !closed {
		name, email = text, ""
		if before, after, found := strings.Cut(text, "("); found {
			mail, _, _ := strings.Cut(after, ")")
			name, email = before, mail // npm has a URL in its place
		}
	}
	p := party{name: strings.TrimSpace(name), email: strings.TrimSpace(email)}
	if !strings.Contains(p.email, "@") {
		p.email = ""
	}
	if p.name == "" {
		p.name, p.email = p.email, ""
	}
	return p
}

// String is the party as SPDX writes it after its kind.
func (p party) String() string {
	if p.email == "" {
		return p.name
	}
	return p.name + " (" + p.email + ")"
}

// The kinds of parties in SPDX.
const (
	person       = "Person"
	organization = "Organization"
)

// kind is the word that SPDX has for the party.
func (p party) kind() string {
	if p.collective() {
		return organization
	}
	return person
}

// collectives are words for several people.
var collectives = []string{
	"association", "authors", "community", "company", "consortium", "contributors", "corp", "corporation", "developers",
	"devel", "discuss", "foundation", "gmbh", "group", "inc", "limited", "llc", "ltd", "maintainers", "organization",
	"packagers", "project", "team", "university",
}

// collective reports whether the name has a word for several people, as "Debian GCC
// Maintainers", or the address is that of a mailing list. Who has neither is a person: the
// policy of Debian, for one, wants a name and address in the field and tells no more.
// https://www.debian.org/doc/debian-policy/ch-controlfields.html#maintainer
func (p party) collective() bool {
	local, domain, _ := strings.Cut(strings.ToLower(p.email), "@")
	words := strings.FieldsFunc(strings.ToLower(p.name)+" "+local, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(collectives, w) }) ||
		strings.HasPrefix(domain, "lists.") || strings.HasPrefix(domain, "alioth-lists.")
}
