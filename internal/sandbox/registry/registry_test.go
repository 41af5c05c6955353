package registry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/sandbox/registry"
)

const (
	bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	emptyType  = "application/vnd.oci.empty.v1+json"
	unknown    = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func serve(t *testing.T, h http.Handler) (host string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// send returns the answer with its body.
func send(t *testing.T, method, url, contentType, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(content)
}

func push(t *testing.T, ref name.Reference, options ...remote.Option) v1.Descriptor {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	image = mutate.MediaType(image, types.OCIManifestSchema1)
	if err := remote.Write(ref, image, append(options, remote.WithContext(t.Context()))...); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: 1}
}

// referrer is a manifest without layers that refers to the subject.
func referrer(t *testing.T, subject v1.Descriptor, artifactType, note string) string {
	t.Helper()
	encoded, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": artifactType,
		"config": map[string]any{"mediaType": emptyType, "digest": emptyDigest(t), "size": 2},
		"layers": []any{}, "subject": subject, "annotations": map[string]string{"note": note},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func emptyDigest(t *testing.T) string { return digestOf(t, "{}") }

func digestOf(t *testing.T, manifest string) string {
	t.Helper()
	digest, _, err := v1.SHA256(strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func tag(t *testing.T, format string, args ...any) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestReferrers(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.NewWithReferrers())
	subject := push(t, tag(t, "%s/app:v1", host))
	base := "http://" + host + "/v2/app"
	send(t, http.MethodPost, base+"/blobs/uploads/?digest="+emptyDigest(t), "application/octet-stream", "{}")
	for i, artifactType := range []string{bundleType, ""} {
		resp, body := send(t, http.MethodPut, fmt.Sprintf("%s/manifests/ref-%d", base, i), string(types.OCIManifestSchema1),
			referrer(t, subject, artifactType, fmt.Sprint(i)))
		if resp.StatusCode != http.StatusCreated || resp.Header.Get("OCI-Subject") != subject.Digest.String() {
			t.Fatalf("PUT: %s %s, OCI-Subject %q", resp.Status, body, resp.Header.Get("OCI-Subject"))
		}
	}
	for name, test := range map[string]struct {
		path     string
		want     []string // artifact type and annotation of each
		filtered string
	}{
		"all":                {"/referrers/" + subject.Digest.String(), []string{bundleType + " 0", emptyType + " 1"}, ""},
		"filtered":           {"/referrers/" + subject.Digest.String() + "?artifactType=" + emptyType, []string{emptyType + " 1"}, "artifactType"},
		"filtered to none":   {"/referrers/" + subject.Digest.String() + "?artifactType=none/none", []string{}, "artifactType"},
		"unknown digest":     {"/referrers/" + unknown, []string{}, ""},
		"unknown repository": {"/else/referrers/" + subject.Digest.String(), []string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.path = strings.ReplaceAll(test.path, "+", "%2B")
			resp, body := send(t, http.MethodGet, base+test.path, "", "")
			var index v1.IndexManifest
			if err := json.Unmarshal([]byte(body), &index); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			got := []string{}
			for _, d := range index.Manifests {
				got = append(got, d.ArtifactType+" "+d.Annotations["note"])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
			if !strings.Contains(body, `"manifests":[`) || index.MediaType != types.OCIImageIndex {
				t.Errorf("not an image index: %s", body)
			}
			if got := resp.Header.Get("OCI-Filters-Applied"); got != test.filtered {
				t.Errorf("OCI-Filters-Applied %q, want %q", got, test.filtered)
			}
		})
	}
}

func TestReferrersAfterDelete(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.NewWithReferrers())
	subject := push(t, tag(t, "%s/app:v1", host))
	send(t, http.MethodPost, "http://"+host+"/v2/app/blobs/uploads/?digest="+emptyDigest(t), "", "{}")
	manifest := referrer(t, subject, bundleType, "")
	url := fmt.Sprintf("http://%s/v2/app/manifests/%s", host, digestOf(t, manifest))
	send(t, http.MethodPut, url, string(types.OCIManifestSchema1), manifest)
	send(t, http.MethodPut, url, string(types.OCIManifestSchema1), manifest)
	count := func() int {
		index, err := remote.Referrers(tag(t, "%s/app@%s", host, subject.Digest).(name.Digest), remote.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		m, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		return len(m.Manifests)
	}
	if got := count(); got != 1 {
		t.Errorf("%d referrers after one was pushed twice, want 1", got)
	}
	send(t, http.MethodDelete, url, "", "")
	if got := count(); got != 0 {
		t.Errorf("%d referrers after it was deleted, want 0", got)
	}
}

func TestWithoutReferrers(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.New())
	subject := push(t, tag(t, "%s/app:v1", host))
	base := "http://" + host + "/v2/app"
	send(t, http.MethodPost, base+"/blobs/uploads/?digest="+emptyDigest(t), "", "{}")
	resp, _ := send(t, http.MethodPut, base+"/manifests/ref", string(types.OCIManifestSchema1), referrer(t, subject, bundleType, ""))
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("OCI-Subject") != "" {
		t.Errorf("PUT: %s, OCI-Subject %q", resp.Status, resp.Header.Get("OCI-Subject"))
	}
	if resp, _ := send(t, http.MethodGet, base+"/referrers/"+subject.Digest.String(), "", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("GET referrers: %s, want 404", resp.Status)
	}
}

func TestManifestRefused(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.New())
	raw, err := empty.Image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ reference, body, code string }{
		"not JSON":     {"v1", "manifest", "MANIFEST_INVALID"},
		"other digest": {unknown, string(raw), "DIGEST_INVALID"},
		"missing blob": {"v1", string(raw), "MANIFEST_BLOB_UNKNOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := fmt.Sprintf("http://%s/v2/app/manifests/%s", host, test.reference)
			resp, body := send(t, http.MethodPut, url, string(types.OCIManifestSchema1), test.body)
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, `"`+test.code+`"`) {
				t.Errorf("answer %s %s, want 400 %s", resp.Status, body, test.code)
			}
		})
	}
}

func TestUploadCancelled(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.New())
	opened, _ := send(t, http.MethodPost, "http://"+host+"/v2/app/blobs/uploads/", "", "")
	if opened.StatusCode != http.StatusAccepted {
		t.Fatalf("open: %s", opened.Status)
	}
	cancelled, _ := send(t, http.MethodDelete, "http://"+host+opened.Header.Get("Location"), "", "")
	if cancelled.StatusCode != http.StatusNoContent {
		t.Errorf("cancel: %s, want 204", cancelled.Status)
	}
}
