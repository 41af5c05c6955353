//go:build load

package load_test

import (
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/suite"
)

// smallImage is an image without layers, of which each number makes another.
func smallImage(t *testing.T, number int) v1.Image {
	t.Helper()
	config := &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{Labels: map[string]string{"number": fmt.Sprint(number)}}}
	image := suite.Must(mutate.ConfigFile(empty.Image, config))(t)
	return mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// pushSmall pushes small images as REPOSITORY:v0, v1 and so on, and returns their digests.
func pushSmall(t *testing.T, repository string, count int, options ...remote.Option) []string {
	t.Helper()
	digests := make([]string, count)
	for i := range count {
		image := smallImage(t, i)
		ref := suite.Must(name.NewTag(fmt.Sprintf("%s:v%d", repository, i)))(t)
		if err := remote.Write(ref, image, append(options, remote.WithContext(t.Context()))...); err != nil {
			t.Fatal(err)
		}
		digests[i] = suite.Must(image.Digest())(t).String()
	}
	return digests
}
