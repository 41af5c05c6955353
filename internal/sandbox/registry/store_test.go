package registry_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/sandbox/registry"
)

// TestStock: the blobs of layouts are there, in every repository, and a manifest may refer to them.
func TestStock(t *testing.T) {
	t.Parallel()
	const digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of {}
	dir := t.TempDir()
	blob := filepath.Join(dir, "image", "blobs", strings.Replace(digest, ":", "/", 1))
	if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	stocked := registry.NewWithReferrers()
	stocked.Stock(dir)
	base := "http://" + serve(t, stocked) + "/v2/acme/demo/"
	if resp, body := send(t, http.MethodGet, base+"blobs/"+digest, "", ""); resp.StatusCode != http.StatusOK || body != "{}" {
		t.Errorf("the blob: %s %q", resp.Status, body)
	}
	if resp, _ := send(t, http.MethodHead, base+"blobs/"+digest, "", ""); resp.ContentLength != 2 {
		t.Errorf("the blob has a length of %d", resp.ContentLength)
	}
	if resp, _ := send(t, http.MethodGet, base+"blobs/"+unknown, "", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a blob that is nowhere: %s", resp.Status)
	}
	manifest := `{"schemaVersion":2,"config":{"mediaType":"` + emptyType + `","digest":"` + digest + `","size":2},"layers":[]}`
	if resp, body := send(t, http.MethodPut, base+"manifests/v1", string(types.OCIManifestSchema1), manifest); resp.StatusCode != http.StatusCreated {
		t.Errorf("the manifest: %s %s", resp.Status, body)
	}
}
