//go:build matrix

package matrix_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// outage is longer than what the transport rides out by itself.
const outage = 45 * time.Second

// TestOutage: a service of Sigstore answers 503 for 45 seconds of real time, from the start or in
// the middle of signing, and the run waits. In the end there is one log entry per statement, and an
// independent verifier accepts the signature.
//
// faults: F21
func TestOutage(t *testing.T) {
	b := &bench{dir: suite.OpenDir(t), images: map[string]testImage{}, cosigns: map[string]*cosign{}}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	b.images["single"] = suite.Must(readImage(b.tools.Images, "single"))(t)
	sandbox := suite.Start(t, b.tools)
	for service, fault := range map[string]map[string]any{
		"fulcio":                {"service": "fulcio", "status": 503},
		"rekor":                 {"service": "rekor", "status": 503},
		"rekor, entries":        {"service": "rekor", "status": 502, "method": http.MethodPost},
		"rekor, cut":            {"service": "rekor", "cut": "before"},
		"timestamp authority":   {"service": "tsa", "status": 503},
		"rekor, too many times": {"service": "rekor", "status": 429, "header": map[string]string{"Retry-After": "5"}},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			own := *b
			own.job = suite.Must(sandbox.NewJob(t.Context()))(t)
			own.testOutage(t, strings.NewReplacer(",", "", " ", "-").Replace(service), fault)
		})
	}
}

func (b *bench) testOutage(t *testing.T, repository string, fault map[string]any) {
	order := suite.Must(json.Marshal(fault))(t)
	suite.Must(b.job.Ask(t.Context(), http.MethodPost, "/faults", order))(t)
	over := time.AfterFunc(outage, func() {
		if _, err := b.job.Ask(t.Context(), http.MethodDelete, "/faults", nil); err != nil {
			t.Error(err)
		}
	})
	defer over.Stop()
	start := time.Now()
	runner, err := b.seal(t.Context(), "single", b.job.Registry+"/acme/"+repository, map[string]string{"sbom": "false", "sigstore-wait": "5m"})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if took < outage {
		t.Errorf("it took %s: there was no outage", took)
	}
	t.Logf("sealed after %s", took.Round(time.Second))
	outputs := suite.Must(runner.Outputs())(t)
	if outputs["log-index"] == "" {
		t.Errorf("outputs %v", outputs)
	}
	made := map[string]int{}
	requests := suite.Must(b.job.Ask(t.Context(), http.MethodGet, "/requests", nil))(t)
	for line := range bytes.Lines(requests) {
		var r struct {
			Service, Method, Path string
			Status                int
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Method == http.MethodPost && slices.Contains([]int{http.StatusOK, http.StatusCreated}, r.Status) {
			made[r.Service+r.Path]++
		}
	}
	if made["rekor/api/v1/log/entries"] != 2 || made["fulcio/api/v2/signingCert"] != 1 {
		t.Errorf("made %v, want two entries and one certificate", made)
	}
	c := suite.Must(newCosign(t.Context(), b.tools.Cosign, t.TempDir(), b.job))(t)
	if _, words, err := c.run(t.Context(), "verify", "--trusted-root", b.job.TrustedRoot, "--certificate-identity", outputs["certificate-identity"],
		"--certificate-oidc-issuer", b.job.Issuer, outputs["image"]); err != nil {
		t.Errorf("cosign: %v\n%s", err, words)
	}
}
