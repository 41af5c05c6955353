package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	repository = "../.."
	epoch      = "1700000000"
)

// TestImage builds the image twice, in different folders, by users with different settings.
func TestImage(t *testing.T) {
	t.Parallel()
	tool := filepath.Join(t.TempDir(), "release")
	if _, err := command(t.Context(), ".", nil, "build", "-o", tool, "."); err != nil {
		t.Fatal(err)
	}
	elsewhere := copyTree(t)
	first := buildWith(t, tool, repository, "umask 022", "TZ=UTC")
	second := buildWith(t, tool, elsewhere, "umask 077", "TZ=Asia/Kolkata", "LANG=tr_TR.UTF-8", "GOAMD64=v3", "GOFLAGS=-tags=other")
	digests := [2]v1.Hash{}
	for i, index := range []v1.ImageIndex{first, second} {
		var err error
		if digests[i], err = index.Digest(); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds differ: %v", digests)
	}
	checkIndex(t, second)
}

// copyTree copies what the build reads to another folder. That this test opens each file also
// has go test run it again when one has changed.
func copyTree(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	files, err := filepath.Glob(repository + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, repository+"/go.mod", repository+"/go.sum", repository+"/LICENSE") {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(to, "internal"), os.DirFS(repository+"/internal")); err != nil {
		t.Fatal(err)
	}
	return to
}

func buildWith(t *testing.T, tool, tree, umask string, env ...string) v1.ImageIndex {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", umask+` && exec "$0" "$@"`,
		tool, "build", "-out", out, "-source", "https://github.com/acme/seal-image", "-revision", "0123")
	cmd.Dir = tree
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH="+epoch), env...)
	words, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, words)
	}
	t.Logf("%s", words)
	index, err := read(out)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func checkIndex(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []v1.Platform
	for _, m := range manifest.Manifests {
		found = append(found, *m.Platform)
		img, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkConfig(t, img, *m.Platform)
		checkFiles(t, img, m.Platform.Architecture)
	}
	want := []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if manifest.MediaType != types.OCIImageIndex || manifest.Annotations["org.opencontainers.image.revision"] != "0123" {
		t.Errorf("index: %s, %v", manifest.MediaType, manifest.Annotations)
	}
}

func checkConfig(t *testing.T, img v1.Image, platform v1.Platform) {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	inCode, err := version(repository)
	if err != nil {
		t.Fatal(err)
	}
	// Neither User nor Cmd.
	want := v1.Config{Entrypoint: []string{"/seal-image"}, Env: []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}, Labels: map[string]string{
		"org.opencontainers.image.title":       "seal-image",
		"org.opencontainers.image.description": "GitHub action that signs container images and attaches signed SBOMs",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     inCode,
		"org.opencontainers.image.created":     "2023-11-14T22:13:20Z",
		"org.opencontainers.image.source":      "https://github.com/acme/seal-image",
		"org.opencontainers.image.revision":    "0123",
	}}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("config of %s (-want +got):\n%s", platform, diff)
	}
	if config.OS != platform.OS || config.Architecture != platform.Architecture || config.Created.Unix() != 1700000000 {
		t.Errorf("config of %s: %s/%s of %s", platform, config.OS, config.Architecture, config.Created)
	}
}
