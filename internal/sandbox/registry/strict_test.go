package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/sandbox/registry"
)

func TestJFrog(t *testing.T) {
	t.Parallel()
	r := newRepository(t, registry.NewJFrog())
	for reference, want := range map[string]string{
		r.fallback() + ".sig":     "403",
		r.fallback():              "403",
		unknown:                   "404",
		"v1":                      "200 " + r.subject.Digest.String(),
		r.subject.Digest.String(): "200 " + r.subject.Digest.String(),
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			resp, body := r.ask(t, method, "/manifests/"+reference, "")
			got := strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Docker-Content-Digest")))
			if got != want || (got == "403" && method == http.MethodGet && !strings.Contains(body, `"DENIED"`)) {
				t.Errorf("%s %s: %s %s, want %s", method, reference, got, body, want)
			}
		}
	}
}

func TestQuay(t *testing.T) {
	t.Parallel()
	r := newRepository(t, registry.NewQuay())
	manifest, _ := r.referrer(t)
	image := signature(t)
	for name, test := range map[string]struct{ manifest, want string }{
		"referrer":             {manifest, "400 MANIFEST_INVALID"},
		"artifact type":        {strings.Replace(image, "{", `{"artifactType":"a/b",`, 1), "400 MANIFEST_INVALID"},
		"subject":              {withSubject(image, unknown), "400 MANIFEST_INVALID"},
		"empty config":         {strings.Replace(image, string(types.OCIConfigJSON), emptyType, 1), "400 MANIFEST_INVALID"},
		"signature":            {image, "201"},
		"index":                {listing(), "201"},
		"index with a subject": {withSubject(listing(), unknown), "400 MANIFEST_INVALID"},
		"docker":               {strings.Replace(image, string(types.OCIConfigJSON), string(types.DockerConfigJSON), 1), "201"},
		"not JSON":             {"manifest", "400 MANIFEST_INVALID"},
	} {
		if got := r.put(t, "tag", test.manifest); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
