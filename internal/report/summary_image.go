package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seal-image/internal/attest"
)

// success shows an image that is sealed: who signed what, and what others do with it.
func (s *summary) success(seal *attest.Seal) {
	id := seal.Signature().Bundle.Signer
	s.addf("### Sealed %s\n\n", code(title(seal.Subject)))
	s.add(fenced("text", seal.Subject.Ref.String()) + "\n")
	s.platforms(seal)
	s.signer(id)
	s.inventory(s.contents[seal])
	attached := &summary{room: s.room}
	n := attached.attached(seal)
	s.add(folded(fmt.Sprintf("Stored next to the image: %d", n), attached.out.String()))
	s.pages(seal)
	s.add(folded("Verify with cosign, gh or the verify action", verifyCommands(seal, s.job)))
	s.add(folded("Admit in Kubernetes", policies(seal, s.job)))
}

// dryRun shows an image that would be sealed.
func (s *summary) dryRun(seal *attest.Seal) {
	s.addf("### Dry run: %s was not signed\n\n", code(title(seal.Subject)))
	s.add("Nothing was signed, logged or stored in the registry. Without `dry-run`, this image would be sealed:\n\n")
	s.add(fenced("text", seal.Subject.Ref.String()) + "\n")
	s.platforms(seal)
	s.inventory(s.contents[seal])
}

func (s *summary) signer(id attest.Identity) {
	repository := code(id.Repository)
	if id.SHA != "" {
		repository += " at " + link(code(id.SHA[:min(len(id.SHA), 12)]), id.RepositoryURI+"/commit/"+id.SHA)
	}
	rows := "| signed&nbsp;by | " + code(id.SAN) + " |\n| :-- | :-- |\n" +
		"| issuer | " + code(id.Issuer) + " |\n" +
		"| repository | " + repository + " |\n"
	if s.job.RunURL != "" {
		number := s.job.RunURL[strings.LastIndexByte(s.job.RunURL, '/')+1:]
		rows += "| run | " + link(text(number), s.job.RunURL) + " |\n"
	}
	s.add(rows + "\n")
}

// platforms has a row for each image, and before them one for the index.
func (s *summary) platforms(seal *attest.Seal) {
	var rows []string
	if seal.Subject.IsIndex() {
		sbom := seal.SBOMOf(attest.Image{Manifest: seal.Subject.Manifest})
		rows = append(rows, s.platform(seal, "index", seal.Subject.Manifest, counted(seal), sbom))
	}
	for _, img := range seal.Subject.Images {
		sbom, count := seal.SBOMOf(img), "–"
		if sbom != nil {
			count = strconv.Itoa(sbom.Packages)
		}
		of := code(img.Platform.String())
		if seal.Subject.ArtifactType != "" {
			of = code(seal.Subject.ArtifactType)
		}
		rows = append(rows, s.platform(seal, of, img.Manifest, count, sbom))
	}
	head, line := "| platform | digest | packages | SBOM |", "| --- | --- | --: | --: |"
	if len(seal.Bundles) > 0 {
		head, line = head+" log&nbsp;entry |", line+" --- |"
	}
	s.table(head+"\n"+line+"\n", rows, s.rows)
}

func (s *summary) platform(seal *attest.Seal, platform string, m attest.Manifest, packages string, sbom *attest.SBOM) string {
	row := fmt.Sprintf("| %s | %s | %s | %s |", platform, code(short(m)), packages, sizes(sbom))
	switch b := bundleOf(seal, m); {
	case b != nil:
		row += " " + entry(b.Entry) + " |"
	case len(seal.Bundles) > 0:
		row += " – |"
	}
	return row + "\n"
}

// bundleOf is what was signed about m: its signature, or what else there is.
func bundleOf(seal *attest.Seal, m attest.Manifest) *attest.Bundle {
	var other *attest.Bundle
	for _, b := range seal.Bundles {
		switch {
		case b.Statement.About.Ref != m.Ref:
		case b.Statement.IsSignature():
			return b
		default:
			other = b
		}
	}
	return other
}

// sizes of the documents.
func sizes(sbom *attest.SBOM) string {
	if sbom == nil || len(sbom.Documents) == 0 {
		return "–"
	}
	if len(sbom.Documents) == 1 {
		return size(len(sbom.Documents[0].Bytes))
	}
	var out []string
	for _, doc := range sbom.Documents {
		out = append(out, size(len(doc.Bytes))+" "+documentKind(doc.Format))
	}
	return strings.Join(out, ", ")
}

// attached has a row for everything that is, or should be, stored next to the image, and
// returns how many are.
func (s *summary) attached(seal *attest.Seal) (stored int) {
	var rows []string
	for _, b := range seal.Bundles {
		what := fmt.Sprintf("| %s | %s | %s ", kind(b.Statement), about(seal, b.Statement.About), entry(b.Entry))
		places := seal.AttachmentsOf(b)
		for _, a := range places {
			rows = append(rows, what+place(a, b.Existing))
		}
		if len(places) == 0 {
			rows = append(rows, what+"| – | – | not&nbsp;stored |\n")
		}
	}
	for _, a := range seal.Attachments {
		if a.InRegistry() {
			stored++
		}
		if a.Bundle == nil {
			rows = append(rows, fmt.Sprintf("| %s document, unsigned | %s | – ", documentKind(a.Document.Format), about(seal, a.About))+place(a, false))
		}
	}
	s.table("| what | about | log&nbsp;entry | stored&nbsp;as | manifest | state |\n| --- | --- | --- | --- | --- | --- |\n", rows, s.rows)
	return stored
}

// place is where an attachment is, as the last cells of a row.
func place(a *attest.Attachment, before bool) string {
	manifest, state := "–", "not&nbsp;stored"
	switch a.State {
	case attest.Skipped:
		state = "skipped: the registry refuses it"
	case attest.Planned:
	default:
		state = string(a.State)
	}
	if a.InRegistry() {
		manifest = code(short(a.Manifest))
	}
	if before && a.State != attest.Existing {
		state += ", signed before"
	}
	return fmt.Sprintf("| %s | %s | %s |\n", formName(a.Form), manifest, state)
}

func formName(f attest.Form) string {
	if f.IsTag() {
		return "tag " + code("."+map[attest.Form]string{attest.FormSig: "sig", attest.FormAtt: "att", attest.FormTag: "sbom"}[f])
	}
	return "referrer"
}

// about names the manifest of a statement by its platform.
func about(seal *attest.Seal, m attest.Manifest) string {
	i := slices.IndexFunc(seal.Subject.Images, func(img attest.Image) bool { return img.Ref == m.Ref })
	switch {
	case i < 0:
		return "index"
	case seal.Subject.ArtifactType != "":
		return code(short(m))
	}
	return code(seal.Subject.Images[i].Platform.String())
}

// entry is the index in the log, with a link where there is something to look at.
func entry(e attest.LogEntry) string {
	if e.LogID == "" {
		return "–"
	}
	return link(strconv.FormatInt(e.Index, 10), e.URL)
}

// kind names a statement for people.
func kind(st *attest.Statement) string {
	switch {
	case st.IsSimpleSigning():
		return "signature (legacy)"
	case st.IsSignature():
		return "signature"
	case st.IsProvenance():
		return "provenance"
	case st.PredicateType == attest.CycloneDXPredicateType:
		return "SBOM (CycloneDX)"
	default:
		return "SBOM (SPDX)"
	}
}

// documentKind names a format for people.
func documentKind(f attest.Format) string {
	switch f {
	case attest.SPDXJSON:
		return "SPDX"
	case attest.CycloneDXJSON:
		return "CycloneDX"
	case attest.SPDXTagValue:
		return "SPDX tag-value"
	default:
		return "syft"
	}
}

func short(m attest.Manifest) string { return "sha256:" + m.Digest().Hex[:12] }
