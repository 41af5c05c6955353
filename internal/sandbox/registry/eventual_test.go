package registry_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/registry"
)

func (r local) put(t *testing.T, reference, manifest string) {
	t.Helper()
	answer := r.ask(http.MethodPut, "/manifests/"+reference, manifest)
	if answer.Code != http.StatusCreated || answer.Header().Get("Docker-Content-Digest") != digestOf(t, manifest) {
		t.Errorf("PUT %s: %d %s", reference, answer.Code, answer.Body)
	}
}

// served is what the registry says now: the status of the manifest, the bytes under the fallback
// tag, and whether the listing names the manifest.
func (r local) served(digest, subject string) []any {
	fallback := r.ask(http.MethodGet, "/manifests/"+strings.Replace(subject, ":", "-", 1), "").Body.String()
	referrers := r.ask(http.MethodGet, "/referrers/"+subject, "").Body.String()
	return []any{r.ask(http.MethodHead, "/manifests/"+digest, "").Code, fallback, strings.Contains(referrers, digest)}
}

// The specification's two ways to list a referrer, and the manifest itself, come 1.5 s late.
func TestEventual(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := local{registry.NewEventual()}
		r.ask(http.MethodPost, "/blobs/uploads/?digest="+emptyDigest(t), "{}")
		image := signature(t)
		subject := digestOf(t, image)
		r.put(t, "v1", image)
		if got := r.ask(http.MethodGet, "/manifests/v1", "").Body.String(); got != image {
			t.Errorf("the image is not there at once: %s", got)
		}
		fallback := strings.Replace(subject, ":", "-", 1)
		r.put(t, fallback, listing())
		time.Sleep(2 * time.Second)

		manifest := withSubject(image, subject)
		digest := digestOf(t, manifest)
		r.put(t, digest, manifest)
		r.put(t, fallback, listing(digest))
		if diff := cmp.Diff([]any{http.StatusNotFound, listing(), false}, r.served(digest, subject)); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		time.Sleep(1499 * time.Millisecond)
		if diff := cmp.Diff([]any{http.StatusNotFound, listing(), false}, r.served(digest, subject)); diff != "" {
			t.Errorf("after 1.499 s (-want +got):\n%s", diff)
		}
		time.Sleep(time.Millisecond)
		if diff := cmp.Diff([]any{http.StatusOK, listing(digest), true}, r.served(digest, subject)); diff != "" {
			t.Errorf("after 1.5 s (-want +got):\n%s", diff)
		}
	})
}

// An image with its children is there at once; what refers to one of them is not.
func TestEventualIndex(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := local{registry.NewEventual()}
		r.ask(http.MethodPost, "/blobs/uploads/?digest="+emptyDigest(t), "{}")
		child := signature(t)
		inner := listing(digestOf(t, child))
		outer := listing(digestOf(t, child), digestOf(t, inner))
		referrer := withSubject(child, digestOf(t, child))
		r.put(t, digestOf(t, child), child)
		r.put(t, digestOf(t, inner), inner)
		r.put(t, digestOf(t, referrer), referrer)
		r.put(t, "referrer", referrer)
		r.put(t, "v1", outer)
		for _, test := range []struct {
			manifest string
			want     int
		}{{child, 200}, {inner, 200}, {outer, 200}, {referrer, 404}} {
			if got := r.ask(http.MethodHead, "/manifests/"+digestOf(t, test.manifest), "").Code; got != test.want {
				t.Errorf("%s: %d, want %d", test.manifest, got, test.want)
			}
		}
	})
}

func TestEventualRefuses(t *testing.T) {
	t.Parallel()
	r := local{registry.NewEventual()}
	answer := r.ask(http.MethodPut, "/manifests/"+digestOf(t, signature(t)), signature(t))
	if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), "MANIFEST_BLOB_UNKNOWN") {
		t.Errorf("a manifest without its config: %d %s", answer.Code, answer.Body)
	}
}
