//go:build matrix

package matrix_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// catalogued are the kinds of test image that have packages, or may have none.
var catalogued = []string{"single", "default", "multi", "quad", "docker", "variant", "bare", "oneindex", "nested", "zstd", "scratch", "empty"}

// TestSyft has syft's program, of the version that the action links and with the same selection of
// files, find the same packages in every test image: names, versions and package URLs. What the
// document says of the image itself and of its operating system is the action's own; see
// [harness.Packages].
func TestSyft(t *testing.T) {
	b := &bench{dir: suite.OpenDir(t), images: map[string]testImage{}}
	b.tools = suite.Must(harness.Build(t.Context(), root, false))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	b.job = suite.Start(t, b.tools).First
	syft := suite.Must(b.tools.BuildPeer(t.Context(), root, "syft", "github.com/anchore/syft/cmd/syft"))(t)
	found := 0
	for _, kind := range catalogued {
		b.images[kind] = suite.Must(readImage(b.tools.Images, kind))(t)
		repository := b.job.Registry + "/acme/syft-" + kind
		runner := suite.Must(b.seal(t.Context(), kind, repository, map[string]string{"dry-run": "true", "allow-empty-sbom": "true"}))(t)
		for _, image := range b.images[kind].Images {
			file := strings.ReplaceAll(image.Platform, "/", "-") + ".spdx.json"
			ours := suite.Must(os.ReadFile(filepath.Join(runner.Workspace, ".seal-image", file)))(t)
			theirs := b.syft(t, syft, repository+"@"+image.Digest, image.Platform)
			want := suite.Must(harness.Packages(theirs))(t)
			if diff := cmp.Diff(want, suite.Must(harness.Packages(ours))(t)); diff != "" {
				t.Errorf("%s, %s: packages (-syft +action):\n%s", kind, image.Platform, diff)
			}
			found += len(want)
		}
	}
	if found < 100 {
		t.Errorf("%d packages were compared", found)
	}
	t.Logf("%d packages are the same", found)
}

// syft is the document of syft's program.
func (b *bench) syft(t *testing.T, program, ref, platform string) []byte {
	t.Helper()
	var document, words bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "--quiet", "registry:"+ref, "--platform", platform, "-o", "spdx-json")
	cmd.Env = []string{"HOME=" + t.TempDir(), "SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_FILE_METADATA_SELECTION=none"}
	cmd.Stdout, cmd.Stderr = &document, &words
	if err := cmd.Run(); err != nil {
		t.Fatalf("syft %s: %v\n%s", ref, err, words.Bytes())
	}
	return document.Bytes()
}
