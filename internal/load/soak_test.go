//go:build load

package load_test

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

const (
	soakRuns    = 300
	soakWorkers = 8 // each with an identity of its own, which signs one image at a time
	soakImages  = 16
	spoiled     = 0.05 // of all requests
)

// services are all that a run talks to.
var services = []string{
	"oidc", "tuf", "fulcio", "rekor", "rekor2", "tsa", "results", "blobs", "github-api",
	"registry", "registry_without_referrers", "registry_with_login",
}

// kinds of faults that pass; a run meets each in any order.
var kinds = []map[string]any{
	{"status": 503},
	{"status": 429, "header": map[string]string{"Retry-After": "1"}},
	{"cut": "before"},
	{"cut": "within"},
	{"cut": "after"}, // the server has done its work
	{"delay": "300ms"},
}

// soak is what the runs of the soak share.
type soak struct {
	*bench
	clean   *harness.Job // the same servers, without faults
	digests []string

	mu       sync.Mutex
	codes    tally
	repeated int // attempts that failed and were made again, or were the last
	took     time.Duration
	sealed   map[sealing][]chosen // what must be found in the end, by the runs that have sealed it
	failed   map[sealing]int      // how many runs have failed, whose answers may be lost
}

// sealing is what one identity has done to one image in one registry.
type sealing struct {
	registry string // as in registriesOf
	digest   string
	process  int
}

// TestSoak runs the action with one in twenty requests spoiled, everywhere. Each run succeeds, or
// fails with one error and no output, and then another ends what it has begun. In the end all that is
// stored is whole. LOAD_SOAK is the number of runs, LOAD_SEED repeats the choices of one.
func TestSoak(t *testing.T) {
	b := newBench(t)
	s := &soak{bench: b, clean: b.newJob(t), codes: tally{}, sealed: map[sealing][]chosen{}, failed: map[sealing]int{}}
	runs, seed := size(t, "LOAD_SOAK", soakRuns), newSeed(t)
	t.Logf("LOAD_SEED=%d LOAD_SOAK=%d", seed, runs)
	for _, at := range registriesOf(s.clean) {
		s.digests = pushSmall(t, at.host+"/acme/soak", soakImages, at.login(s.clean))
	}
	for i, service := range services {
		for j, kind := range kinds {
			fault := map[string]any{"service": service, "chance": spoiled / float64(len(kinds)), "seed": seed + uint64(100*i+j+1)}
			maps.Copy(fault, kind)
			spoil(t, b.job, fault)
		}
	}
	start := time.Now()
	var group errgroup.Group
	for worker := range soakWorkers {
		group.Go(func() error {
			chance := rand.New(rand.NewPCG(seed, uint64(worker)))
			for n := worker; n < runs && !t.Failed(); n += soakWorkers {
				s.try(t.Context(), t, n, s.choose(chance, worker))
			}
			return nil
		})
	}
	_ = group.Wait() // it returns nothing
	s.table(t, runs, time.Since(start))
	s.whole(t)
	s.verified(t, rand.New(rand.NewPCG(seed, soakWorkers)))
}

func newSeed(t *testing.T) uint64 {
	t.Helper()
	if value := os.Getenv("LOAD_SEED"); value != "" {
		return suite.Must(strconv.ParseUint(value, 10, 64))(t)
	}
	var seed [8]byte
	_, _ = crand.Read(seed[:]) // as documented, it never fails
	return uint64(binary.LittleEndian.Uint32(seed[:]))
}

// chosen is what one run does.
type chosen struct {
	sealing
	inputs map[string]string // without those that name the image
	number int               // of the image
}

// choose draws a run, so that all ways to sign and to store meet.
func (s *soak) choose(chance *rand.Rand, worker int) chosen {
	number := chance.IntN(soakImages)
	at := registriesOf(s.job)[chance.IntN(3)]
	inputs := map[string]string{
		"sbom-path":        "sbom.spdx.json",
		"signature-format": []string{"both", "bundle", "legacy"}[chance.IntN(3)],
	}
	if number%4 == 0 { // always the same images: who uses one log does not take what is in the other for signed
		inputs["signature-format"], inputs["signing-config"] = "bundle", "signing_config_rekor_v2_alone.v0.2.json"
	}
	for _, service := range []string{"github-attestation", "dependency-snapshot"} {
		inputs[service] = strconv.FormatBool(chance.IntN(4) == 0)
	}
	if inputs["signature-format"] == "legacy" { // GitHub does not take what is found under tags
		inputs["github-attestation"] = "false"
	}
	return chosen{sealing{at.name, s.digests[number], worker}, inputs, number}
}

// soakTries is how often a run is made again before it must have succeeded.
const soakTries = 5

// try does one run and judges it. One that fails is made again, as a person would, under faults too.
func (s *soak) try(ctx context.Context, t *testing.T, n int, c chosen) {
	for again := range soakTries {
		what := fmt.Sprintf("run %d.%d, of %s in %s, with %v", n, again, c.digest, c.registry, c.inputs)
		if n%2 == 0 {
			c.inputs["artifact-name"] = fmt.Sprintf("run-%d-%d", n, again) // a failed run may have taken the last
		}
		out, err := s.sealIn(ctx, c)
		if err != nil {
			t.Error(err)
			return
		}
		s.judge(t, what, out)
		s.count(c, out)
		if out.exit == 0 {
			return
		}
		t.Logf("%s: %s %s", what, errorLine.FindString(out.log), codeLine.FindString(out.log))
	}
	t.Errorf("run %d did not succeed in %d tries", n, soakTries)
}

// count takes down how a run has ended.
func (s *soak) count(c chosen, out *outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[codeOf(out)]++
	s.repeated += failedAttempts(out)
	s.took += out.took
	if out.exit == 0 {
		s.sealed[c.sealing] = append(s.sealed[c.sealing], c)
	} else {
		s.failed[c.sealing]++
	}
}

// sealIn does a run in the registry that was drawn.
func (s *soak) sealIn(ctx context.Context, c chosen) (*outcome, error) {
	inputs := maps.Clone(c.inputs)
	for _, at := range registriesOf(s.job) {
		if at.name != c.registry {
			continue
		}
		inputs["image"], inputs["digest"] = fmt.Sprintf("%s/acme/soak:v%d", at.host, c.number), c.digest
		if at.private {
			inputs["registry-username"], inputs["registry-password"] = s.job.RegistryUsername, s.job.RegistryPassword
		}
	}
	return s.run(ctx, s.job, c.process, inputs)
}
