package harness_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/harness"
)

// TestPackages: a package is its name, version and purl; the image and the system are none.
func TestPackages(t *testing.T) {
	t.Parallel()
	got, err := harness.Packages([]byte(`{"packages":[
		{"name":"b","versionInfo":"2","externalRefs":[{"referenceType":"cpe23Type","referenceLocator":"cpe"},{"referenceType":"purl","referenceLocator":"pkg:npm/b@2"}]},
		{"name":"a","versionInfo":"1","primaryPackagePurpose":"LIBRARY"},
		{"name":"a","versionInfo":"1"},
		{"name":"debian","versionInfo":"12","primaryPackagePurpose":"OPERATING_SYSTEM"},
		{"name":"acme/demo","versionInfo":"v1","primaryPackagePurpose":"CONTAINER"}]}`))
	if diff := cmp.Diff([]string{"a 1", "b 2 pkg:npm/b@2"}, got); err != nil || diff != "" {
		t.Errorf("packages (-want +got), %v:\n%s", err, diff)
	}
	if _, err := harness.Packages([]byte("SPDXVersion: SPDX-2.3")); err == nil {
		t.Error("a document that is not JSON was read")
	}
}
