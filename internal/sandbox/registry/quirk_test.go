package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/sandbox/registry"
)

// A repository is what a quirk is tested on: an image with the tag v1, and the empty blob.
type repository struct {
	url     string
	subject v1.Descriptor
}

func newRepository(t *testing.T, h http.Handler) *repository {
	t.Helper()
	host := serve(t, h)
	r := &repository{url: "http://" + host + "/v2/app", subject: push(t, tag(t, "%s/app:v1", host))}
	r.ask(t, http.MethodPost, "/blobs/uploads/?digest="+emptyDigest(t), "{}")
	return r
}

// ask returns the answer with its body; what is sent has the type that it says.
func (r *repository) ask(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	mediaType := types.OCIManifestSchema1
	if strings.Contains(body, string(types.OCIImageIndex)) {
		mediaType = types.OCIImageIndex
	}
	return send(t, method, r.url+path, string(mediaType), body)
}

// put returns the status, and the code of a refusal.
func (r *repository) put(t *testing.T, reference, manifest string) string {
	t.Helper()
	resp, body := r.ask(t, http.MethodPut, "/manifests/"+reference, manifest)
	_, rest, _ := strings.Cut(body, `"code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", code))
}

// get returns the status, and the digest of the manifest.
func (r *repository) get(t *testing.T, reference string) string {
	t.Helper()
	resp, _ := r.ask(t, http.MethodGet, "/manifests/"+reference, "")
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Docker-Content-Digest")))
}

// fallback is the tag of the subject's listing.
func (r *repository) fallback() string {
	return strings.Replace(r.subject.Digest.String(), ":", "-", 1)
}

func (r *repository) referrer(t *testing.T) (manifest, digest string) {
	t.Helper()
	manifest = referrer(t, r.subject, bundleType, "")
	return manifest, digestOf(t, manifest)
}

// signature is a manifest as cosign writes it under its own tags.
func signature(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[]}`,
		types.OCIManifestSchema1, types.OCIConfigJSON, emptyDigest(t))
}

func withSubject(manifest, subject string) string {
	return strings.Replace(manifest, "{", fmt.Sprintf(`{"subject":{"digest":%q},`, subject), 1)
}

// listing is the index under the fallback tag.
func listing(digests ...string) string {
	var entries []string
	for _, digest := range digests {
		entries = append(entries, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, types.OCIManifestSchema1, digest))
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, types.OCIImageIndex, strings.Join(entries, ","))
}

// Whatever the quirk, an image that was pushed can be pulled; how it is asked for referrers, and
// what it takes for a subject, is different in each.
func TestQuirks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		registry          http.Handler
		referrers         int
		referrer, subject string // of a PUT; the header OCI-Subject
	}{
		"ghcr":     {registry.NewGHCR(), http.StatusTooManyRequests, "201", ""},
		"gitlab":   {registry.NewGitLab(), http.StatusNotFound, "201", ""},
		"ecr":      {registry.NewECR(), http.StatusNotFound, "201", "subject"},
		"jfrog":    {registry.NewJFrog(), http.StatusNotFound, "201", ""},
		"quay":     {registry.NewQuay(), http.StatusNotFound, "400", ""},
		"harbor":   {registry.NewHarbor(), http.StatusOK, "201", "subject"},
		"eventual": {registry.NewEventual(), http.StatusOK, "201", "subject"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, test.registry)
			host, _, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), "/")
			image, err := remote.Image(tag(t, "%s/app:v1", host), remote.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			if digest, err := image.Digest(); err != nil || digest != r.subject.Digest {
				t.Errorf("pulled %s, want %s (%v)", digest, r.subject.Digest, err)
			}
			if resp, body := r.ask(t, http.MethodGet, "/referrers/"+r.subject.Digest.String(), ""); resp.StatusCode != test.referrers {
				t.Errorf("GET referrers: %s %s, want %d", resp.Status, body, test.referrers)
			}
			manifest, digest := r.referrer(t)
			resp, body := r.ask(t, http.MethodPut, "/manifests/"+digest, manifest)
			if !strings.HasPrefix(resp.Status, test.referrer) {
				t.Errorf("PUT of a referrer: %s %s, want %s", resp.Status, body, test.referrer)
			}
			want := strings.Replace(test.subject, "subject", r.subject.Digest.String(), 1)
			if got := resp.Header.Get("OCI-Subject"); got != want {
				t.Errorf("OCI-Subject %q, want %q", got, want)
			}
		})
	}
}

// A local is a registry without a network before it, for a clock that jumps, and for haste.
type local struct{ http.Handler }

func (r local) ask(method, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, "/v2/app"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", string(types.OCIManifestSchema1))
	if strings.Contains(body, string(types.OCIImageIndex)) {
		req.Header.Set("Content-Type", string(types.OCIImageIndex))
	}
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, req)
	return answer
}
