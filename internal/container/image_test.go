//go:build container

package container_test

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"seal-image/internal/suite"
)

// buildImage builds the Dockerfile as the runner does, with a stand-in for what it starts
// from, and returns the image's id.
func buildImage(t *testing.T, goImage string) string {
	t.Helper()
	dir := suite.Must(filepath.Abs(root))(t)
	tag := "seal-image.test/action:latest"
	suite.Must(docker(t.Context(), "build", "--tag", tag, "--build-arg", "GO_IMAGE="+goImage,
		"--file", filepath.Join(dir, "Dockerfile"), dir))(t)
	return suite.Must(docker(t.Context(), "image", "inspect", "--format", "{{.Id}}", tag))(t)
}

// file is one of an image, without its time.
type file struct {
	Mode     int64
	UID, GID int
	Content  string // its SHA-256, or where a link leads
}

// saved is an image of the engine.
func saved(t *testing.T, image string) v1.Image {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	suite.Must(docker(t.Context(), "save", "--output", archive, image))(t)
	return suite.Must(tarball.ImageFromPath(archive, nil))(t)
}

// filesIn are the files of an image, by path; no folders.
func filesIn(t *testing.T, img v1.Image) map[string]file {
	t.Helper()
	content := mutate.Extract(img)
	defer content.Close()
	files := map[string]file{}
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		sum := sha256.New()
		suite.Must(io.Copy(sum, r))(t)
		f := file{Mode: header.Mode & 0o7777, UID: header.Uid, GID: header.Gid, Content: header.Linkname}
		if header.Typeflag == tar.TypeReg {
			f.Content = fmt.Sprintf("%x", sum.Sum(nil))
		}
		files[filepath.Join("/", header.Name)] = f
	}
}
