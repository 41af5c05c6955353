//go:build load

package load_test

import (
	"regexp"
	"testing"
	"time"
)

// TestSlowLink seals an image where each request takes 200 ms longer and each service is behind
// 1 Mbit/s, on a registry without the referrers API. It takes its time, and succeeds; with a limit
// that is too short it ends, and says what was under way.
func TestSlowLink(t *testing.T) {
	b := newBench(t)
	b.push(t, b.job.RegistryNoReferrers+"/acme/slow")
	for _, service := range services {
		spoil(t, b.job, map[string]any{"service": service, "delay": "200ms", "rate": 125_000})
	}
	inputs := map[string]string{"image": b.job.RegistryNoReferrers + "/acme/slow:v1", "digest": b.digest, "signature-format": "both", "timeout": "10s"}
	out, err := b.run(t.Context(), b.job, 0, inputs)
	if err != nil {
		t.Fatal(err)
	}
	step := regexp.MustCompile(`(?m)^step: (.+)$`).FindStringSubmatch(out.log)
	if out.exit != 124 || step == nil || out.took > 20*time.Second {
		t.Errorf("exit status %d after %s, in the step %q\n%s", out.exit, out.took, step, tail([]byte(out.log)))
	}
	t.Logf("timeout 10s: exit status %d after %s, %s", out.exit, out.took.Round(time.Second), step)

	delete(inputs, "timeout")
	out = b.mustSeal(t, b.job, inputs)
	seen := tally{}
	for _, r := range requests(t, b.job) {
		seen[r.Service]++
	}
	t.Logf("200 ms and 1 Mbit/s: %s; requests of both runs: %s", out.took.Round(time.Second), seen)
	if err := b.cosign(t.Context(), b.newJob(t), 0, "verify", b.job.RegistryNoReferrers+"/acme/slow@"+b.digest); err != nil {
		t.Error(err)
	}
}
