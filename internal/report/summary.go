package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// maxSummary keeps the summary below the 1 MiB at which GitHub drops all of it.
const maxSummary = 900 << 10

// Summary is the Markdown of the job summary. err is how the run ended. Foreign text is
// escaped; what would not fit is cut with a note.
func Summary(res *attest.Result, err error) string {
	var b strings.Builder
	if err != nil {
		failure(&b, res, problem.From(err))
		return bounded(b.String())
	}
	for _, s := range res.Seals {
		if s.Signature() == nil {
			fmt.Fprintf(&b, "### Dry run: %s was not signed\n\n", code(s.Subject.Ref.String()))
			platforms(&b, s)
			continue
		}
		success(&b, s)
	}
	if a := res.Artifact; a != nil {
		fmt.Fprintf(&b, "The files are kept with the run as [%s](<%s>).\n", text(a.Name), link(a.URL))
	}
	return bounded(b.String())
}

func success(b *strings.Builder, s *attest.Seal) {
	fmt.Fprintf(b, "### Sealed %s\n\n", code(name(s.Subject)))
	platforms(b, s)
	id := s.Signature().Bundle.Signer
	fmt.Fprintf(b, "Signed by %s of repository %s, issuer %s.\n\n", code(id.SAN), code(id.Repository), code(id.Issuer))
	entries(b, s)
	fmt.Fprintf(b, "Verify with cosign 3:\n\n```sh\n%s\n", fenced(verifyCommand(s, id)))
	for _, bundle := range s.Bundles {
		if kind := attestationTypes[bundle.Statement.PredicateType]; kind != "" {
			fmt.Fprintf(b, "%s\n", fenced(attestationCommand(bundle.Statement.About.Ref.String(), kind, id)))
		}
	}
	b.WriteString("```\n\n")
}

// attestationTypes are cosign's names of predicate types.
var attestationTypes = map[string]string{
	attest.SPDXPredicateType:       "spdxjson",
	attest.CycloneDXPredicateType:  "cyclonedx",
	attest.ProvenancePredicateType: "slsaprovenance1",
}

// failure says what went wrong and, above all, what is public already.
func failure(b *strings.Builder, res *attest.Result, p *problem.Problem) {
	outcome := "Not sealed"
	if p.Code.Exit() == problem.ArtifactFailed.Exit() && sealed(res) {
		outcome = "Sealed, but the step failed"
	}
	fmt.Fprintf(b, "### %s: %s\n\n", outcome, text(p.What))
	fmt.Fprintf(b, "%s\n\n```text\n%s\n```\n\n", paragraphs(p.Why), fenced(p.Fix))
	entered, attached := public(res)
	if len(entered) == 0 {
		fmt.Fprintf(b, "No new signature is known to be in the transparency log, and %s attached.\n", unsigned(res))
		return
	}
	fmt.Fprintf(b, "**Already public**: %d new entries are in the transparency log for good. %d of them are attached to an image, and a verifier may accept those.\n\n", len(entered), attached)
	for _, s := range res.Seals {
		if len(s.Bundles) > 0 {
			fmt.Fprintf(b, "#### %s\n\n", code(name(s.Subject)))
			entries(b, s)
		}
	}
}

// sealed reports whether every image has its signature, which what comes later cannot undo.
func sealed(res *attest.Result) bool {
	return len(res.Seals) > 0 && !slices.ContainsFunc(res.Seals, func(s *attest.Seal) bool { return s.Err != nil || s.Signature() == nil })
}

// unsigned says what a run has attached that has signed nothing.
func unsigned(res *attest.Result) string {
	n := 0
	for _, s := range res.Seals {
		for _, a := range s.Attachments {
			if a.State == attest.New {
				n++
			}
		}
	}
	if n == 0 {
		return "nothing was"
	}
	return fmt.Sprintf("%d unsigned documents or earlier signatures were", n)
}

// Public is a line that says what a failed run had made public; empty if it is not known
// to have made anything so.
func Public(res *attest.Result) string {
	entered, attached := public(res)
	if len(entered) == 0 {
		return ""
	}
	return fmt.Sprintf("Already public: log entries %s, of which %d are attached to an image.", strings.Join(entered, ", "), attached)
}

// public returns the log indexes of what this run has signed, and how many of them can be
// found from the image.
func public(res *attest.Result) (entered []string, attached int) {
	for _, s := range res.Seals {
		for _, b := range s.Bundles {
			if b.Existing {
				continue
			}
			entered = append(entered, strconv.FormatInt(b.Entry.Index, 10))
			if len(places(s, b)) > 0 {
				attached++
			}
		}
	}
	return entered, attached
}

// places says where a bundle can be found, e.g. "bundle `sha256:...`".
func places(s *attest.Seal, b *attest.Bundle) []string {
	var out []string
	for _, a := range s.AttachmentsOf(b) {
		if a.InRegistry() {
			out = append(out, string(a.Form)+" "+code(short(a.Manifest)))
		}
	}
	return out
}

func name(s *attest.Subject) string {
	if len(s.Tags) == 0 {
		return s.Ref.String()
	}
	return s.Ref.Context().Name() + ":" + strings.Join(s.Tags, ",") + "@" + s.Ref.DigestStr()
}

func platforms(b *strings.Builder, s *attest.Seal) {
	b.WriteString("| platform | digest | packages |\n| --- | --- | --- |\n")
	for _, img := range s.Subject.Images {
		packages := "–"
		if sbom := sbomOf(s, img); sbom != nil {
			packages = fmt.Sprint(sbom.Packages)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", text(img.Platform.String()), code(img.Ref.DigestStr()), packages)
	}
	b.WriteString("\n")
}

func entries(b *strings.Builder, s *attest.Seal) {
	b.WriteString("| statement | about | log entry | attached as |\n| --- | --- | --- | --- |\n")
	for _, bundle := range s.Bundles {
		st := bundle.Statement
		of := text(st.Platform)
		if of == "" && st.About.MediaType.IsIndex() {
			of = "index"
		}
		attached := strings.Join(places(s, bundle), ", ")
		if attached == "" && slices.ContainsFunc(s.AttachmentsOf(bundle), func(a *attest.Attachment) bool { return a.State == attest.Skipped }) {
			attached = "refused by the registry"
		}
		attached = cmp.Or(attached, "not attached")
		if bundle.Existing {
			attached += " (signed before)"
		}
		fmt.Fprintf(b, "| %s | %s %s | %s | %s |\n", kind(st), of, code(short(st.About)), entry(bundle.Entry), attached)
	}
	b.WriteString("\n")
}

// entry is the index in the log, with a link where there is something to look at.
func entry(e attest.LogEntry) string {
	if e.URL == "" {
		return strconv.FormatInt(e.Index, 10)
	}
	return fmt.Sprintf("[%d](<%s>)", e.Index, link(e.URL))
}

// kind names a statement for people.
func kind(st *attest.Statement) string {
	switch {
	case st.IsSimpleSigning():
		return "signature (for older verifiers)"
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

func short(m attest.Manifest) string { return "sha256:" + m.Digest().Hex[:12] }
