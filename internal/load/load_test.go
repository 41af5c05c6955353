//go:build load

package load_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"

	"seal-image/internal/suite"
)

const (
	rounds    = 10
	processes = 20
	// latency is what each request to the registry takes longer. Without it, a run writes so
	// soon after it has read that it hardly ever meets another.
	latency = "50ms"
)

// TestLoad has every process seal with an identity of its own, on a registry without the
// referrers API: there, all bundles of a digest are in one index, and all signatures of
// cosign's tags are in one manifest, which each process reads, adds to, and writes.
func TestLoad(t *testing.T) {
	b := newBench(t)
	count := size(t, "LOAD_ROUNDS", rounds)
	for i := range count {
		b.round(t, i+1, "registry_without_referrers", b.job.RegistryNoReferrers)
	}
	b.round(t, count+1, "registry", b.job.Registry) // where only cosign's tags are shared
}

func (b *bench) round(t *testing.T, number int, service, host string) {
	t.Helper()
	repository := fmt.Sprintf("%s/acme/load-%d", host, number)
	b.push(t, repository)
	b.order(t, `{"service":"`+service+`","delay":"`+latency+`"}`)
	start := time.Now()
	failed := b.sealAll(t, repository)
	took := time.Since(start)
	requests := b.forget(t, service)

	lost := 0
	for place, found := range attached(t, suite.Must(name.NewDigest(repository+"@"+b.digest))(t)) {
		for i := range processes {
			if !found[identity(i)] {
				lost++
				t.Errorf("round %d: %s lacks that of %s", number, place, identity(i))
			}
		}
	}
	t.Logf("round %d, %s: %d processes in %.1fs, %d failed, %d requests to the registry, lost %d of %d",
		number, service, processes, took.Seconds(), failed, requests, lost, processes*len(places))
}

// sealAll runs all processes at the same time, and counts those that have failed.
func (b *bench) sealAll(t *testing.T, repository string) (failed int) {
	t.Helper()
	errs := make([]error, processes)
	var group errgroup.Group
	for i := range processes {
		group.Go(func() error {
			errs[i] = b.seal(t.Context(), repository, i)
			return nil
		})
	}
	_ = group.Wait() // one that fails must not end the others
	for _, err := range errs {
		if err != nil {
			failed++
			t.Error(err)
		}
	}
	return failed
}

// order has the sandbox spoil requests.
func (b *bench) order(t *testing.T, fault string) {
	t.Helper()
	suite.Must(b.job.Ask(t.Context(), http.MethodPost, "/faults", []byte(fault)))(t)
}

// forget ends the faults, forgets the requests, and counts those to the registry.
func (b *bench) forget(t *testing.T, service string) int {
	t.Helper()
	suite.Must(b.job.Ask(t.Context(), http.MethodDelete, "/faults", nil))(t)
	seen := suite.Must(b.job.Ask(t.Context(), http.MethodGet, "/requests?service="+service, nil))(t)
	suite.Must(b.job.Ask(t.Context(), http.MethodDelete, "/requests", nil))(t)
	return bytes.Count(seen, []byte("\n"))
}
