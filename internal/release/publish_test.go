package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.yaml.in/yaml/v3"
)

// TestPush: the registry has what the layout has, under the digest that is printed.
func TestPush(t *testing.T) {
	t.Parallel()
	index, err := assemble(&content{
		roots: []byte("roots"), program: map[string][]byte{"amd64": []byte("a"), "arm64": []byte("b")},
	}, description{version: "1.2.3", created: time.Unix(0, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "image")
	if err := write(index, dir); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	pushed, err := push(t.Context(), dir, host+"/acme/seal-image:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{pushed, host + "/acme/seal-image:v1.2.3"} {
		ref, err := name.ParseReference(reference)
		if err != nil {
			t.Fatal(err)
		}
		got, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := got.Digest()
		if err != nil || pushed != host+"/acme/seal-image@"+digest.String() {
			t.Errorf("%s is %s, pushed was %s (%v)", reference, digest, pushed, err)
		}
		for _, platform := range platforms {
			if _, err := remote.Image(ref, remote.WithPlatform(platform)); err != nil {
				t.Errorf("%s: %v", platform, err)
			}
		}
	}
	if _, err := push(t.Context(), dir, host+"/acme/seal-image"); err == nil {
		t.Error("a reference without tag was taken for latest")
	}
}

// tree copies files of the repository into a folder.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		to := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(readFile(t, filepath.Join(repository, file))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPin: one line of each file changes, and both run the same image.
func TestPin(t *testing.T) {
	t.Parallel()
	dir := tree(t, actionFiles...)
	image := "ghcr.io/acme/seal-image@sha256:" + strings.Repeat("0123", 16)
	for range 2 { // the second time nothing changes
		if err := pin(dir, image); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range actionFiles {
		before, after := readFile(t, filepath.Join(repository, file)), readFile(t, filepath.Join(dir, file))
		var changed [][2]string
		old := strings.Split(before, "\n")
		for i, line := range strings.Split(after, "\n") {
			if line != old[i] {
				changed = append(changed, [2]string{old[i], line})
			}
		}
		if len(changed) != 1 || changed[0][1] != "  image: docker://"+image {
			t.Errorf("%s: %q", file, changed)
		}
		var action struct{ Runs struct{ Using, Image string } }
		if err := yaml.Unmarshal([]byte(after), &action); err != nil {
			t.Fatal(err)
		}
		if action.Runs.Using != "docker" || action.Runs.Image != "docker://"+image {
			t.Errorf("%s runs %+v", file, action.Runs)
		}
	}
	for _, bad := range []string{"ghcr.io/acme/seal-image:v1", "ghcr.io/acme/seal-image", "acme@sha256:12", image + "\n"} {
		if err := pin(dir, bad); err == nil {
			t.Errorf("%q was written", bad)
		}
	}
}

// TestNotes: what is published has a version, and CHANGELOG.md says when and what.
func TestNotes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("main.go", "package main\n\nconst version = \"1.2.3\"\n")
	put("CHANGELOG.md", "# Changelog\n\n## 1.2.3 (2026-12-01)\n\n- New.\n\n## 1.2.2 (2026-11-01)\n\n- Old.\n")
	if got, err := notes(dir, "1.2.3"); err != nil || got != "- New.\n" {
		t.Errorf("got %q, %v", got, err)
	}
	put("CHANGELOG.md", "# Changelog\n\n## 1.2.3 (unreleased)\n\n- New.\n")
	failures := map[string]string{}
	for _, asked := range []string{"1.2.3", "1.2.4", "v1.2.3", "1.2", "1.2.3-rc.1", "1.2.3; id", ""} {
		_, err := notes(dir, asked)
		if err == nil {
			t.Fatalf("%q may be released", asked)
		}
		failures[asked] = err.Error()
	}
	if diff := cmp.Diff(map[string]string{
		"1.2.3":      "CHANGELOG.md has no heading `## 1.2.3 (YYYY-MM-DD)`",
		"1.2.4":      "main.go has the version 1.2.3, not 1.2.4",
		"v1.2.3":     `"v1.2.3" is no version such as 1.2.3`,
		"1.2":        `"1.2" is no version such as 1.2.3`,
		"1.2.3-rc.1": `"1.2.3-rc.1" is no version such as 1.2.3`,
		"1.2.3; id":  `"1.2.3; id" is no version such as 1.2.3`,
		"":           `"" is no version such as 1.2.3`,
	}, failures); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}
