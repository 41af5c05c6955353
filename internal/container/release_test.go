//go:build container

package container_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"seal-image/internal/suite"
)

// settings are what the engine takes from an image's config.
type settings struct {
	User, WorkingDir string
	Entrypoint, Cmd  []string
	Env              []string
}

func settingsOf(t *testing.T, img v1.Image) settings {
	t.Helper()
	c := suite.Must(img.ConfigFile())(t).Config
	s := settings{User: c.User, WorkingDir: c.WorkingDir, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env}
	if s.WorkingDir == "" {
		s.WorkingDir = "/" // https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
	}
	return s
}

// testRelease: the image of a release, which no engine has built, has the bytes and settings
// of the one that the Dockerfile makes, and runs.
func (b *bench) testRelease(t *testing.T) {
	img := releaseImage(t)
	ours := saved(t, b.image)
	if diff := cmp.Diff(filesIn(t, ours), filesIn(t, img)); diff != "" {
		t.Errorf("files (-Dockerfile +release):\n%s", diff)
	}
	if diff := cmp.Diff(settingsOf(t, ours), settingsOf(t, img)); diff != "" {
		t.Errorf("settings (-Dockerfile +release):\n%s", diff)
	}
	tag := "seal-image.test/release:latest"
	archive := filepath.Join(t.TempDir(), "release.tar")
	if err := tarball.WriteToFile(archive, suite.Must(name.NewTag(tag))(t), img); err != nil {
		t.Fatal(err)
	}
	suite.Must(docker(t.Context(), "load", "--input", archive))(t)
	_, err := docker(t.Context(), "run", "--rm", "--env", "GITHUB_ACTIONS=true", tag, "verify")
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "image: it is required") {
		t.Errorf("verify without inputs: %v", err)
	}
}

// releaseImage is what `make image` makes for this machine's processor.
func releaseImage(t *testing.T) v1.Image {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "image")
	command(t, exec.CommandContext(t.Context(), "go", "run", "./internal/release", "build", "-out", dir))
	index := suite.Must(layout.ImageIndexFromPath(dir))(t)
	found := suite.Must(partial.FindImages(suite.Must(index.ImageIndex(suite.Must(index.IndexManifest())(t).Manifests[0].Digest))(t),
		func(d v1.Descriptor) bool { return d.Platform.Architecture == runtime.GOARCH }))(t)
	if len(found) != 1 {
		t.Fatalf("%d images for %s", len(found), runtime.GOARCH)
	}
	return found[0]
}
