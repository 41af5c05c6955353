package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// TestTwice: what is fetched again by another name is fetched twice; what was not found is not.
func TestTwice(t *testing.T) {
	t.Parallel()
	get := func(path string, status int) request {
		return request{Service: registry, Method: "GET", Path: "/v2/acme/r-x" + path, Status: status}
	}
	r := record{
		get("/manifests/v1", 200), get("/manifests/"+digest, 200), get("/referrers/"+digest, 200), get("/referrers/"+digest, 200),
		get("/blobs/"+digest, 200), get("/manifests/sha256-e3b.sig", 200), get("/manifests/sha256-e3b.sig", 200),
		{Service: registry, Method: "HEAD", Path: "/v2/acme/r-x/blobs/" + digest, Status: 200},
	}
	if diff := cmp.Diff([]string{"manifests/sha256:e3b0c44298fc1c1, 2 times"}, r.twice(digest)); diff != "" {
		t.Errorf("fetched twice (-want +got):\n%s", diff)
	}
	r = append(r, get("/blobs/"+digest, 404), get("/blobs/"+digest, 200))
	if got := r.twice("sha256:other"); len(got) != 1 || got[0] != "blobs/sha256:e3b0c44298fc1c149af, 2 times" {
		t.Errorf("fetched twice: %q", got)
	}
}

// TestAbout: requests that differ by the run alone are of one kind.
func TestAbout(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v2/":                               "/v2/",
		"/v2/acme/r-abc/manifests/" + digest: "manifests/DIGEST",
		"/v2/acme/r-abc/manifests/" + strings.Replace(digest, ":", "-", 1) + ".sig": "manifests/TAG.sig",
		"/v2/acme/r-abc/blobs/uploads/17":                                           "blobs/uploads/ID",
		"/v2/acme/r-abc/blobs/uploads/":                                             "blobs/uploads/",
	} {
		if got := about(request{Service: registry, Path: path}); got != want {
			t.Errorf("%s is about %s, want %s", path, got, want)
		}
	}
}

// TestReplace: a command writes its part of the page and leaves the rest.
func TestReplace(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("a\n<!-- bench: written by `make bench` -->\nold\n<!-- end of bench -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replace(file, "bench", "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if diff := cmp.Diff("a\n<!-- bench: written by `make bench` -->\nnew\n<!-- end of bench -->\nb\n", string(got)); err != nil || diff != "" {
		t.Errorf("page (-want +got), %v:\n%s", err, diff)
	}
	if err := replace(file, "bench-large", "new\n"); err == nil {
		t.Error("a part that the page lacks was written")
	}
}
