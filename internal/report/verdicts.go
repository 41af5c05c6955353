package report

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// VerifyOutputNames returns the outputs of the verify action in the order of
// verify/action.yml. A test compares them with that file and README.
func VerifyOutputNames() []string { return []string{"digest", "log-index", "sbom-path"} }

// VerifyOutputs returns the outputs of a run that verified every image, by name; they
// describe the first. dir is where the files are, relative to the workspace.
func VerifyOutputs(verdicts []*attest.Verdict, dir string) map[string]string {
	first := verdicts[0]
	out := map[string]string{"digest": first.Subject.Ref.DigestStr(), "log-index": "", "sbom-path": ""}
	if logged := first.Signature.Entry; logged.LogID != "" {
		out["log-index"] = strconv.FormatInt(logged.Index, 10)
	}
	if first.SBOM != nil {
		out["sbom-path"] = path.Join(dir, verifiedName(verdicts, 0))
	}
	return out
}

// VerifyFiles returns the verified SBOMs, by their path below the folder of the outputs.
func VerifyFiles(verdicts []*attest.Verdict) map[string][]byte {
	files := map[string][]byte{}
	for i, v := range verdicts {
		if v.SBOM != nil {
			files[verifiedName(verdicts, i)] = v.SBOM.Bytes
		}
	}
	return files
}

// verifiedName is the name that the sign action gives the same document.
func verifiedName(verdicts []*attest.Verdict, i int) string {
	subjects := make([]*attest.Subject, len(verdicts))
	for i, v := range verdicts {
		subjects[i] = v.Subject
	}
	subject := subjects[i]
	platform := ""
	if !subject.IsIndex() && len(subject.Images) == 1 {
		platform = cmp.Or(subject.Images[0].Platform.String(), "artifact")
	}
	n := namesAmong(subjects, i)
	return path.Join(n.folder, n.platform(platform, subject.Manifest)+verdicts[i].SBOM.Format.Extension())
}

// VerifySummary is the Markdown of the job summary. err is how the run ended.
func VerifySummary(verdicts []*attest.Verdict, dir string, err error) string {
	var b strings.Builder
	if err != nil {
		p := problem.From(err)
		fmt.Fprintf(&b, "### Not verified: %s\n\n%s\n\n%s", text(p.What), paragraphs(p.Why), fenced("text", p.Fix))
		return bounded(b.String())
	}
	for i, v := range verdicts {
		id := v.Signature.Signer
		fmt.Fprintf(&b, "### Verified %s\n\n| | |\n| --- | --- |\n", code(name(v.Subject)))
		row(&b, "signed by", id.SAN)
		row(&b, "issuer", id.Issuer)
		row(&b, "repository", id.Repository)
		row(&b, "commit", id.SHA)
		if logged := v.Signature.Entry; logged.LogID != "" {
			row(&b, "log entry", strconv.FormatInt(logged.Index, 10))
		}
		if v.SBOM != nil {
			row(&b, "SBOM", path.Join(dir, verifiedName(verdicts, i)))
		}
		b.WriteString("\n")
	}
	return bounded(b.String())
}

// row is one of a table of two columns; what is not known has none.
func row(b *strings.Builder, what, value string) {
	if value != "" {
		fmt.Fprintf(b, "| %s | %s |\n", what, code(value))
	}
}
