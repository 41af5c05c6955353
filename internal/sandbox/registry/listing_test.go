package registry_test

import (
	"net/http"
	"strings"
	"testing"

	"seal-image/internal/sandbox/registry"
)

func TestGHCR(t *testing.T) {
	t.Parallel()
	r := newRepository(t, registry.NewGHCR())
	resp, body := r.ask(t, http.MethodGet, "/referrers/"+r.subject.Digest.String()+"?artifactType=a", "")
	if from := resp.Request.Response; from == nil || from.StatusCode != http.StatusSeeOther {
		t.Errorf("redirected by %v, want 303", from)
	}
	if want := "/-/v2/app/referrers/" + r.subject.Digest.String() + "?artifactType=a"; resp.Request.URL.RequestURI() != want {
		t.Errorf("ended at %s, want %s", resp.Request.URL.RequestURI(), want)
	}
	if !strings.Contains(body, `"TOOMANYREQUESTS"`) {
		t.Errorf("answer %s", body)
	}
	manifest, digest := r.referrer(t)
	index := listing(digest)
	if got := r.put(t, digest, manifest); got != "201" {
		t.Errorf("PUT of a referrer: %s", got)
	}
	if got := r.put(t, r.fallback(), index); got != "201" {
		t.Errorf("PUT of the listing: %s", got)
	}
	if got, want := r.get(t, r.fallback()), "200 "+digestOf(t, index); got != want {
		t.Errorf("GET of the listing: %s, want %s", got, want)
	}
}

func TestGitLab(t *testing.T) {
	t.Parallel()
	r := newRepository(t, registry.NewGitLab())
	served := "200 " + r.subject.Digest.String()
	if got := r.get(t, r.fallback()); got != served {
		t.Errorf("GET of the listing: %s, want %s", got, served)
	}
	manifest, digest := r.referrer(t)
	for reference, content := range map[string]string{
		digest:                                manifest,
		r.fallback():                          listing(),
		r.fallback() + ".sig":                 signature(t),
		strings.Replace(unknown, ":", "-", 1): listing(),
	} {
		if got := r.put(t, reference, content); got != "201" {
			t.Errorf("PUT %s: %s", reference, got)
		}
	}
	for reference, want := range map[string]string{
		r.fallback():                             served,
		r.fallback() + ".sig":                    "200 " + digestOf(t, signature(t)),
		digest:                                   "200 " + digest,
		strings.Replace(digest, ":", "-", 1):     "200 " + digest,
		strings.Replace(unknown, ":", "-", 1):    "200 " + digestOf(t, listing()),
		"sha256-" + strings.Repeat("0", 64):      "404",
		r.fallback() + ".att":                    "404",
		strings.TrimPrefix(r.fallback(), "sha2"): "404",
	} {
		if got := r.get(t, reference); got != want {
			t.Errorf("GET %s: %s, want %s", reference, got, want)
		}
	}
}
