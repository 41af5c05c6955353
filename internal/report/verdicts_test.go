package report_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/report"
)

// verdict is that about an image which is signed, with an SBOM if f is a format.
func verdict(s *attest.Subject, f attest.Format) *attest.Verdict {
	v := &attest.Verdict{Ref: s.Ref.String(), Subject: s, Signature: &attest.Bundle{
		Signer: identity, Entry: attest.LogEntry{Index: 1234, LogID: "0a"},
	}}
	if f != "" {
		v.SBOM = &attest.Document{Format: f, Bytes: fmt.Appendf(nil, `{"of":%q}`, s.Ref)}
	}
	return v
}

// TestVerdicts: outputs, files and summary of the verify action, in one golden file each.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	unlogged := verdict(plain(), "")
	unlogged.Signature.Entry = attest.LogEntry{}
	person := verdict(plain(), "")
	person.Signature.Signer = attest.Identity{SAN: "alice@acme.dev", Issuer: "https://accounts.acme.dev"}
	odd := verdict(single(image("a", v1.Platform{OS: "linux", Architecture: "arm64", Variant: evil})), attest.SPDXJSON)
	odd.Subject.Tags = []string{evil}
	odd.Signature.Signer = attest.Identity{SAN: evil, Issuer: evil, Repository: evil, SHA: evil}
	for name, verdicts := range map[string][]*attest.Verdict{
		"single":   {verdict(plain(), attest.SPDXJSON)},
		"no-sbom":  {verdict(plain(), "")},
		"no-log":   {unlogged},
		"person":   {person},
		"index":    {verdict(multi(), attest.CycloneDXJSON)},
		"artifact": {verdict(artifact(), attest.SPDXJSON)},
		"several":  {verdict(multi(), attest.SPDXJSON), verdict(plain(), ""), verdict(in("quay.io/acme/app", multi()), attest.SPDXJSON)},
		"foreign":  {odd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			outputs := report.VerifyOutputs(verdicts, dir)
			if got, want := slices.Sorted(maps.Keys(outputs)), slices.Sorted(slices.Values(report.VerifyOutputNames())); !slices.Equal(got, want) {
				t.Errorf("outputs %q, want %q", got, want)
			}
			for _, name := range report.VerifyOutputNames() {
				fmt.Fprintf(&b, "%s=%s\n", name, outputs[name])
			}
			files := report.VerifyFiles(verdicts)
			for _, path := range slices.Sorted(maps.Keys(files)) {
				fmt.Fprintf(&b, "%s: %s\n", path, files[path])
			}
			if path := strings.TrimPrefix(outputs["sbom-path"], dir+"/"); path != "" && files[path] == nil {
				t.Errorf("there is no file %s", path)
			}
			summary := report.VerifySummary(verdicts, dir, nil)
			golden.Compare(t, "verdicts/"+name+".md", b.String()+"\n"+summary)
			checkVerdictMarkdown(t, summary)
		})
	}
}

func TestVerdictsFailed(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]*problem.Problem{
		"failed":         {Code: problem.NotSigned, What: "It is not signed.", Why: "Expected a signature.\nFound none.", Fix: "Seal it:\n  image: x"},
		"failed-foreign": {Code: problem.SignerUnexpected, What: evil, Why: "a\n" + evil, Fix: "b\n" + evil},
	} {
		got := report.VerifySummary([]*attest.Verdict{{Ref: "x"}}, dir, fmt.Errorf("verify: %w", err))
		golden.Compare(t, "verdicts/"+name+".md", got)
		checkVerdictMarkdown(t, got)
	}
}

// checkVerdictMarkdown is checkMarkdown; the head of our tables is empty.
func checkVerdictMarkdown(t *testing.T, markdown string) {
	t.Helper()
	checkMarkdown(t, strings.ReplaceAll(strings.ReplaceAll(markdown, "### Verified", "### Sealed"), "### Not verified", "### Sealed"))
}
