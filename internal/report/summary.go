package report

import (
	"fmt"
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
	switch {
	case err != nil:
		failure(&b, res, problem.From(err))
	case res.Signature() == nil:
		fmt.Fprintf(&b, "### Dry run: %s was not signed\n\n", code(res.Subject.Ref.String()))
		platforms(&b, res)
	default:
		success(&b, res)
	}
	return bounded(b.String())
}

func success(b *strings.Builder, res *attest.Result) {
	fmt.Fprintf(b, "### Sealed %s\n\n", code(name(res.Subject)))
	platforms(b, res)
	id := res.Signature().Bundle.Signer
	fmt.Fprintf(b, "Signed by %s of repository %s, issuer %s.\n\n", code(id.SAN), code(id.Repository), code(id.Issuer))
	entries(b, res)
	fmt.Fprintf(b, "Verify with cosign 3:\n\n```sh\n%s\n", fenced(verifyCommand(res, id)))
	for _, doc := range res.SBOMs {
		fmt.Fprintf(b, "%s\n", fenced(attestationCommand(doc.Image.Ref.String(), id)))
	}
	b.WriteString("```\n")
}

// failure says what went wrong and, above all, what is public already.
func failure(b *strings.Builder, res *attest.Result, p *problem.Problem) {
	fmt.Fprintf(b, "### Not sealed: %s\n\n", text(p.What))
	fmt.Fprintf(b, "%s\n\n```text\n%s\n```\n\n", paragraphs(p.Why), fenced(p.Fix))
	if len(res.Bundles) == 0 {
		b.WriteString("No signature is known to be in the transparency log, and nothing was attached.\n")
		return
	}
	fmt.Fprintf(b, "**Already public**: the %d entries below are in the transparency log for good. %d of them are attached to the image, and a verifier may accept those.\n\n",
		len(res.Bundles), len(res.Attachments))
	entries(b, res)
}

// Public is a line that says what a failed run had made public; empty if it is not known
// to have made anything so.
func Public(res *attest.Result) string {
	if len(res.Bundles) == 0 {
		return ""
	}
	indexes := make([]string, len(res.Bundles))
	for i, b := range res.Bundles {
		indexes[i] = strconv.FormatInt(b.Entry.Index, 10)
	}
	return fmt.Sprintf("Already public: log entries %s, of which %d are attached to the image.", strings.Join(indexes, ", "), len(res.Attachments))
}

func name(s *attest.Subject) string {
	if s.Tag == "" {
		return s.Ref.String()
	}
	return s.Ref.Context().Name() + ":" + s.Tag + "@" + s.Ref.DigestStr()
}

func platforms(b *strings.Builder, res *attest.Result) {
	b.WriteString("| platform | digest | packages |\n| --- | --- | --- |\n")
	for _, img := range res.Subject.Images {
		packages := "–"
		if doc := document(res, img); doc != nil {
			packages = fmt.Sprint(doc.Packages)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", text(img.Platform.String()), code(img.Ref.DigestStr()), packages)
	}
	b.WriteString("\n")
}

func entries(b *strings.Builder, res *attest.Result) {
	b.WriteString("| statement | about | log entry | attached as |\n| --- | --- | --- | --- |\n")
	for _, bundle := range res.Bundles {
		what, attached := "SBOM", "not attached"
		of := text(bundle.Statement.Platform)
		if of == "" && bundle.Statement.About.MediaType.IsIndex() {
			of = "index"
		}
		if bundle.Statement.IsSignature() {
			what = "signature"
		}
		if a := res.AttachmentOf(bundle); a != nil {
			attached = code(short(a.Manifest))
		}
		fmt.Fprintf(b, "| %s | %s %s | [%d](<%s>) | %s |\n", what, of,
			code(short(bundle.Statement.About)), bundle.Entry.Index, link(bundle.Entry.URL), attached)
	}
	b.WriteString("\n")
}

func short(m attest.Manifest) string { return "sha256:" + m.Digest().Hex[:12] }

// text escapes what Markdown and HTML would take for markup.
func text(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]()#+-!|~@", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func paragraphs(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = text(line)
	}
	return strings.Join(lines, "  \n")
}

// code is an inline code span, also within a table.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "¦").Replace(oneLine(s)) + "`"
}

// fenced is text within a fenced block: it cannot close it.
func fenced(s string) string { return strings.ReplaceAll(s, "```", "'''") }

// link is the target of a link in angle brackets.
func link(s string) string {
	return strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "\n", "", "\r", "").Replace(s)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// bounded cuts at a line.
func bounded(s string) string {
	if len(s) <= maxSummary {
		return s
	}
	cut := strings.LastIndexByte(s[:maxSummary], '\n')
	return s[:cut+1] + "\nThe rest is in `" + ResultsFile + "`.\n"
}
