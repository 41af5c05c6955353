package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/report"
)

// crowd is an index of n platforms.
func crowd(n int) *attest.Subject {
	var images []attest.Image
	for i := range n {
		images = append(images, image(fmt.Sprintf("%04x", i), v1.Platform{OS: "linux", Architecture: "amd64", Variant: fmt.Sprint("v", i)}))
	}
	return index(images...)
}

// images are 2000 images, each in a repository of its own.
func images(t *testing.T, h how) *attest.Result {
	t.Helper()
	m := &sealer{}
	res := result()
	for i := range 2000 {
		res.Seals = append(res.Seals, m.seal(t, in(fmt.Sprint("ghcr.io/acme/app", i), plain()), h))
	}
	return res
}

// TestSummaryBound: GitHub drops a summary of more than 1 MiB. What has to be left out is cut
// where it does not hurt, and in whole parts.
//
// faults: F62
func TestSummaryBound(t *testing.T) {
	t.Parallel()
	big := &problem.Problem{Code: problem.SBOMFailed, What: "It broke.", Why: "w", Fix: strings.Repeat("x", 2<<20)}
	long := &problem.Problem{Code: problem.SBOMFailed, What: strings.Repeat(evil, 1e5), Why: strings.Repeat(evil+"\n", 1e5), Fix: strings.Repeat("`", 1e5)}
	const verify, notSealed = "cosign verify \\\n", "### Not sealed: "
	for name, tt := range map[string]struct {
		res  *attest.Result
		err  error
		want []string
	}{
		"platforms":            {dryRun(crowd(20_000)), nil, []string{"### Dry run", "19801 more, all in `results.json`."}},
		"packages":             {result(new(sealer).seal(t, crowd(50), how{packages: 5000})), nil, []string{verify, "`linux/amd64/v49`", "5049 packages", "cosign 2.6", "ImageValidatingPolicy"}},
		"packages, several":    {result(new(sealer).seal(t, crowd(50), how{packages: 500}), new(sealer).seal(t, in("quay.io/acme/app", crowd(50)), how{packages: 500}), new(sealer).seal(t, in("quay.io/acme/tool", crowd(50)), how{packages: 500})), nil, []string{verify, "quay.io/acme/tool"}},
		"images":               {images(t, how{}), nil, []string{verify, "ghcr.io/acme/app0:v1.2", "images more", "app1001"}},
		"images, dry":          {images(t, how{noSBOM: true}), nil, []string{"images more"}},
		"images that fail":     {images(t, how{attached: -1, err: denied()}), denied(), []string{notSealed, "packages: write", "6000 new entries", "app0:v1.2", "more, all in `results.json`."}},
		"images with warnings": {images(t, how{}), &problem.Problem{Code: problem.ArtifactFailed, What: "No.", Why: "w", Fix: "f"}, []string{"### Sealed, but", verify}},
		"long fix":             {&attest.Result{}, big, []string{notSealed, "It broke."}},
		"long text":            {&attest.Result{}, long, []string{notSealed, "all in `results.json`."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			got := report.Summary(tt.res, job, tt.err)
			t.Logf("%d bytes in %v", len(got), time.Since(start))
			if len(got) > 1<<20-4096 {
				t.Errorf("the summary has %d bytes", len(got))
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("the summary lacks %q", want)
				}
			}
			if !strings.HasSuffix(got, "| Sign and log | 1 min 39 s |\n\n</details>\n\n") {
				t.Errorf("the summary ends with %q", got[max(0, len(got)-200):])
			}
			checkMarkdown(t, got)
		})
	}
}
