//go:build load

package load_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	fleetSize = 200
	// perQuarter is a quarter of what the public Rekor lets one address ask in a minute.
	perQuarter = 125
)

// TestFleet: one step seals 200 images while the log takes 500 requests a minute, and the
// certificate authority one in ten seconds. The limit of the log is counted by the quarter of a
// minute, so that a run meets its end more often. Nothing fails, and one certificate does for all.
func TestFleet(t *testing.T) {
	b := newBench(t)
	images := size(t, "LOAD_FLEET", fleetSize)
	repository := b.job.Registry + "/acme/fleet"
	digests := pushSmall(t, repository, images)
	refs := make([]string, images)
	for i := range refs {
		refs[i] = fmt.Sprintf("%s:v%d", repository, i)
	}
	spoil(t, b.job, map[string]any{"service": "rekor", "status": 429, "above": perQuarter, "per": "15s"})
	spoil(t, b.job, map[string]any{"service": "fulcio", "status": 429, "above": 1, "per": "10s"})
	spoil(t, b.job, map[string]any{"service": "fulcio", "status": 429, "header": map[string]string{"Retry-After": "2"}, "times": 1})
	_, err := b.job.Ask(t.Context(), http.MethodDelete, "/requests", nil)
	if err != nil {
		t.Fatal(err)
	}
	out := b.mustSeal(t, b.job, map[string]string{"image": strings.Join(refs, "\n"), "signature-format": "bundle", "sbom": "false", "provenance": "true"})

	seen, refused, certificates, entries := tally{}, tally{}, 0, 0
	for _, r := range requests(t, b.job) {
		seen[r.Service]++
		switch {
		case r.Status == http.StatusTooManyRequests:
			refused[r.Service]++
		case r.Service == "fulcio" && r.Method == http.MethodPost:
			certificates++
		case r.Service == "rekor" && r.Method == http.MethodPost && r.Status == http.StatusCreated:
			entries++
		}
	}
	t.Logf("%d images in %s: %d entries, %d certificates; requests: %s; refused with 429: %s",
		images, out.took.Round(time.Second), entries, certificates, seen, refused)
	if most := 1 + int(out.took/(5*time.Minute)); certificates > most {
		t.Errorf("%d certificates, want %d at most", certificates, most)
	}
	if want := images * 2; entries != want {
		t.Errorf("%d entries, want %d: of each image the signature and the provenance", entries, want)
	}
	for _, i := range []int{0, images / 2, images - 1} {
		if err := b.cosign(t.Context(), b.job, 0, "verify", repository+"@"+digests[i]); err != nil {
			t.Error(err)
		}
	}
}
