// Package golden compares what tests get with files of testdata. It is no part of the
// action.
package golden

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Compare wants got to be the content of testdata/file of the package under test. With the
// variable UPDATE set to 1 it writes the file instead; several cases may share one.
func Compare[Text string | []byte](t *testing.T, file string, got Text) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("UPDATE") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got), UPDATE=1 rewrites it:\n%s", path, diff)
	}
}
