package report_test

import (
	"strings"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/report"
)

// TestConclusion: the last lines of the log, in one golden file each.
func TestConclusion(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"single":   report.Conclusion(one(t, plain(), how{}), job.Steps),
		"index":    report.Conclusion(one(t, multi(), how{}), nil),
		"again":    report.Conclusion(one(t, plain(), how{existing: 4}), job.Steps[:1]),
		"rekor-v2": report.Conclusion(unstamped(one(t, plain(), how{sign: attest.Bundles})), job.Steps),
		"no-sbom":  report.Conclusion(one(t, artifact(), how{noSBOM: true}), job.Steps),
		"several":  report.Conclusion(several(t), job.Steps),
		"dry-run":  report.Conclusion(dryRun(multi(), artifact()), job.Steps),
		"verify":   report.VerifyConclusion([]*attest.Verdict{verdict(multi(), attest.SPDXJSON), verdict(plain(), "")}, job.Steps),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "conclusion/"+name+".txt", strings.Join(lines, "\n")+"\n")
		})
	}
}
