package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"seal-image/internal/sandbox/registry"
)

func TestECR(t *testing.T) {
	t.Parallel()
	r := newRepository(t, registry.NewECR())
	first, second := listing(), listing(r.subject.Digest.String())
	for i, step := range []struct{ reference, manifest, want string }{
		{r.fallback(), first, "201"},
		{r.fallback(), first, "201"},
		{r.fallback(), second, "400 TAG_INVALID"},
		{digestOf(t, second), second, "201"},
		{r.fallback() + ".sig", signature(t), "201"},
		{r.fallback() + ".sig", second, "400 TAG_INVALID"},
		{"v2", second, "201"},
	} {
		if got := r.put(t, step.reference, step.manifest); got != step.want {
			t.Errorf("%d: PUT %s: %s, want %s", i, step.reference, got, step.want)
		}
	}
	if got, want := r.get(t, r.fallback()), "200 "+digestOf(t, first); got != want {
		t.Errorf("GET of the listing: %s, want %s", got, want)
	}
	_, body := r.ask(t, http.MethodPut, "/manifests/v1", second)
	if want := "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable."; !strings.Contains(body, want) {
		t.Errorf("answer %s, want %s", body, want)
	}
}

// Of some who write a tag at the same time, one is first.
func TestECRRace(t *testing.T) {
	t.Parallel()
	r := local{registry.NewECR()}
	r.ask(http.MethodPost, "/blobs/uploads/?digest="+emptyDigest(t), "{}")
	for round := range 200 {
		var stored atomic.Int32
		var writers sync.WaitGroup
		for i := range 4 {
			manifest := strings.Replace(signature(t), "{", fmt.Sprintf(`{"annotations":{"writer":"%d"},`, i), 1)
			writers.Go(func() {
				if r.ask(http.MethodPut, fmt.Sprintf("/manifests/tag-%d", round), manifest).Code == http.StatusCreated {
					stored.Add(1)
				}
			})
		}
		writers.Wait()
		if got := stored.Load(); got != 1 {
			t.Fatalf("round %d: %d of 4 wrote the tag, want one", round, got)
		}
	}
}

func TestHarbor(t *testing.T) {
	t.Parallel()
	r := newRepository(t, registry.NewHarbor())
	for reference, want := range map[string]string{
		r.fallback() + ".sig":     "412 PRECONDITION",
		r.fallback() + ".att":     "412 PRECONDITION",
		r.fallback() + ".sbom":    "412 PRECONDITION",
		r.fallback():              "201",
		"v1.5":                    "201",
		digestOf(t, signature(t)): "201",
	} {
		if got := r.put(t, reference, signature(t)); got != want {
			t.Errorf("PUT %s: %s, want %s", reference, got, want)
		}
	}
	if got := r.get(t, r.fallback()+".sig"); got != "404" {
		t.Errorf("GET of a signature: %s, want 404", got)
	}
}
