//go:build load

package load_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// kills is how many runs are killed, each in its own part of the time that a run takes.
const kills = 10

// TestKilled kills runs by SIGKILL at random moments, on a registry with and one without the
// referrers API, and runs them again on the same runner: everything is attached then, and nothing
// twice. What stays is at most the log entries that the killed run made.
func TestKilled(t *testing.T) {
	b := newBench(t)
	for _, service := range []string{"registry", "registry_without_referrers", "rekor"} {
		b.order(t, `{"service":"`+service+`","delay":"`+latency+`"}`) // else a run is hardly met at work
	}
	whole := map[string]time.Duration{}
	table := []string{"registry | killed after | log entries before | attached before | log entries of the second run | attached then", "--- | --: | --: | --: | --: | --:"}
	for i := range kills {
		registry, title := b.job.Registry, "referrers API"
		if i%2 == 1 {
			registry, title = b.job.RegistryNoReferrers, "fallback tag"
		}
		if whole[title] == 0 {
			start := time.Now()
			b.killed(t, fmt.Sprintf("%s/acme/whole-%d", registry, i), time.Hour)
			whole[title] = time.Since(start)
		}
		busy := whole[title] / 2 // then it waits for other writers, and reads
		after := time.Duration((float64(i) + rand.Float64()) / kills * float64(busy))
		table = append(table, title+" | "+b.killed(t, fmt.Sprintf("%s/acme/killed-%d", registry, i), after))
	}
	t.Logf("a whole run takes %v\n%s", whole, strings.Join(table, "\n"))
}

// killed seals an image by a run that is killed after a while, and by another; it returns a row of the table.
func (b *bench) killed(t *testing.T, repository string, after time.Duration) string {
	t.Helper()
	b.push(t, repository)
	runner := suite.Must(harness.NewRunner(filepath.Join(b.dir, strings.ReplaceAll(repository, "/", "-")), b.job))(t)
	if err := os.WriteFile(filepath.Join(runner.Workspace, "sbom.spdx.json"), b.sbom, 0o644); err != nil {
		t.Fatal(err)
	}
	ref := suite.Must(name.NewDigest(repository + "@" + b.digest))(t)
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	_ = b.sealOn(ctx, runner, repository, 0) // CommandContext kills; what it got done is looked at
	loggedFirst, attachedFirst := b.entries(t), sum(stored(t, ref))
	if err := b.sealOn(t.Context(), runner, repository, 0); err != nil {
		t.Error(err)
	}
	then, logged := stored(t, ref), b.entries(t)
	for place, n := range then {
		if n != 1 {
			t.Errorf("killed after %s: %d times %s, want one", after, n, place)
		}
	}
	return fmt.Sprintf("%d ms | %d | %d | %d | %d", after.Milliseconds(), loggedFirst, attachedFirst, logged, sum(then))
}

// entries counts the entries that the log has taken since it was asked last.
func (b *bench) entries(t *testing.T) (n int) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(suite.Must(b.job.Ask(t.Context(), http.MethodGet, "/requests?service=rekor", nil))(t))))
	for decoder.More() {
		var r struct {
			Method string `json:"method"`
			Status int    `json:"status"`
		}
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Method == http.MethodPost && r.Status == http.StatusCreated {
			n++
		}
	}
	suite.Must(b.job.Ask(t.Context(), http.MethodDelete, "/requests", nil))(t)
	return n
}

// stored counts what a verifier finds in each place.
func stored(t *testing.T, ref name.Digest) map[string]int {
	t.Helper()
	found := map[string]int{signatureBundle: 0, documentBundle: 0, signatureTag: 0, documentTag: 0}
	index := suite.Must(remote.Referrers(ref, remote.WithContext(t.Context())))(t)
	for _, d := range suite.Must(index.IndexManifest())(t).Manifests {
		place, _ := readBundle(t, ref.Context().Digest(d.Digest.String()))
		found[place]++
	}
	tag := strings.Replace(ref.DigestStr(), ":", "-", 1)
	for place, suffix := range map[string]string{signatureTag: ".sig", documentTag: ".att"} {
		image, err := remote.Image(ref.Context().Tag(tag+suffix), remote.WithContext(t.Context()))
		if err == nil { // else there is none yet, which is counted
			found[place] = len(suite.Must(image.Manifest())(t).Layers)
		}
	}
	return found
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
