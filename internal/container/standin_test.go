//go:build container

package container_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"seal-image/internal/suite"
)

// packages are what the stand-in of a Debian image has. The registry is the service
// container of a job.
const packages = "ca-certificates,git,docker-registry,jq"

// debian makes the stand-in of a Debian image, which takes the place of a runner's too.
func debian(t *testing.T) string {
	t.Helper()
	tag := standIn("debian", packages)
	if exists(t, tag) {
		return tag
	}
	install(t, "mmdebstrap", "mmdebstrap")
	install(t, "debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg")
	tree := filepath.Join(t.TempDir(), "debian.tar")
	asRoot(t, "mmdebstrap", "--quiet", "--variant=minbase", "--include="+packages, "bookworm", tree)
	suite.Must(docker(t.Context(), "import", tree, tag))(t)
	return tag
}

// golang makes the stand-in of the image that GO_IMAGE of the Dockerfile names: this Go, the
// modules that the action needs and what this machine has compiled of them. A build of the
// action in it asks nothing of the network.
func golang(t *testing.T) string {
	t.Helper()
	sum := suite.Must(os.ReadFile(filepath.Join(root, "go.sum")))(t)
	tag := standIn("golang", runtime.Version()+string(sum))
	if exists(t, tag) {
		return tag
	}
	start := time.Now()
	modules, cache := fillCaches(t)
	t.Logf("caches: %.1f s", time.Since(start).Seconds())
	const bake = `mkdir -p /go /root/.cache
cp -a /mnt/go /usr/local/go
cp -r /mnt/cache /root/.cache/go-build
mkdir /bake
cp /mnt/module/go.mod /mnt/module/go.sum /bake
cd /bake
GOPROXY=file:///mnt/modules GOSUMDB=off GOPATH=/go GOTOOLCHAIN=local /usr/local/go/bin/go mod download
rm -r /bake`
	name := unique("bake")
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	suite.Must(docker(t.Context(), "run", "--name", name,
		"--volume", goEnv(t, "GOROOT")+":/mnt/go:ro", "--volume", modules+":/mnt/modules:ro",
		"--volume", cache+":/mnt/cache:ro", "--volume", suite.Must(filepath.Abs(root))(t)+":/mnt/module:ro",
		debian(t), "sh", "-ec", bake))(t)
	suite.Must(docker(t.Context(), "commit",
		"--change", "ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"--change", "ENV GOPATH=/go", "--change", "ENV GOTOOLCHAIN=local", "--change", "ENV GOPROXY=off",
		"--change", "WORKDIR /go", "--change", `CMD ["bash"]`, name, tag))(t)
	return tag
}

// fillCaches returns folders with the modules of the action, as a proxy serves them, and
// with what its packages compile to.
func fillCaches(t *testing.T) (modules, cache string) {
	t.Helper()
	command(t, exec.CommandContext(t.Context(), "go", "mod", "download"))
	cache = suite.OpenDir(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(t.TempDir(), "seal-image"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off",
		"GOCACHEPROG="+suite.Must(os.Executable())(t), copyTo+"="+cache, copyFrom+"="+goEnv(t, "GOCACHE"))
	command(t, build)
	return filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download"), cache
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out := suite.Must(exec.CommandContext(t.Context(), "go", "env", name).Output())(t)
	return strings.TrimSpace(string(out))
}

// command runs a command in the root of the repository.
func command(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Dir = root
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, words)
	}
}

// standIn is a name that no registry has, with a tag for what the image is made of.
func standIn(name, content string) string {
	return fmt.Sprintf("seal-image.test/%s:%.12x", name, sha256.Sum256([]byte(content)))
}

func exists(t *testing.T, image string) bool {
	t.Helper()
	_, err := docker(t.Context(), "image", "inspect", image)
	return err == nil
}
