//go:build container

package container_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// root is the folder of the repository.
const root = "../.."

// bench is what the tests work with.
type bench struct {
	tools   *harness.Tools
	act     string // program
	debian  string // image
	golang  string // image
	image   string // of the action
	network network
	sandbox *harness.Sandbox
}

// TestContainer runs the action built from the Dockerfile.
func TestContainer(t *testing.T) {
	b := newBench(t)
	t.Run("image", b.testImage)
	t.Run("release", b.testRelease)
	t.Run("step", b.testStep)
	t.Run("folders", b.testFolders)
	t.Run("docker config", b.testDockerConfig)
	t.Run("localhost", b.testLocalhost)
	t.Run("cancelled", b.testCancelled)
	t.Run("uses", b.testUses)
	t.Run("examples", b.testExamples)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	start := time.Now()
	done := func(what string) {
		t.Logf("%s: %.1f s", what, time.Since(start).Seconds())
		start = time.Now()
	}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.act = suite.Must(b.tools.BuildPeer(t.Context(), root, "act", "github.com/nektos/act"))(t)
	done("sandbox, cosign and act")
	startEngine(t, filepath.Join(b.tools.Dir, "docker"))
	done("engine")
	b.debian = debian(t)
	b.golang = golang(t)
	done("base images")
	b.image = buildImage(t, b.golang)
	done("image of the action")
	b.network = newNetwork(t)
	// Containers are on other networks than this process: they reach its services by the
	// address that it has on theirs.
	b.sandbox = suite.Start(t, b.tools, "-address", b.network.gateway)
	return b
}

// network is a bridge of the engine, as the runner makes one for a job with services.
type network struct {
	name    string
	gateway string // address of this machine on it
}

func newNetwork(t *testing.T) network {
	t.Helper()
	n := network{name: unique("network")}
	suite.Must(docker(t.Context(), "network", "create", n.name))(t)
	t.Cleanup(func() { _ = exec.Command("docker", "network", "rm", n.name).Run() })
	n.gateway = suite.Must(docker(t.Context(), "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", n.name))(t)
	return n
}

// startRegistry starts a service container with a registry, and returns the address at which
// this process reaches it. The jobs on the network find it by its alias.
func (b *bench) startRegistry(t *testing.T, alias string) string {
	t.Helper()
	const port = "5000"
	id := suite.Must(docker(t.Context(), "run", "--detach", "--network", b.network.name, "--network-alias", alias,
		b.debian, "sh", "-ec", `echo "$1" > /config.yml && exec docker-registry serve /config.yml`, "sh",
		"{version: 0.1, storage: {inmemory: {}}, http: {addr: \":"+port+"\"}}"))(t)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", id).Run() })
	host := suite.Must(docker(t.Context(), "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id))(t) + ":" + port
	awaitListener(t, host)
	return host
}

// awaitListener waits until a server has begun to listen.
func awaitListener(t *testing.T, host string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
		if err == nil {
			_ = conn.Close()
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (b *bench) newJob(t *testing.T) *harness.Job {
	t.Helper()
	return suite.Must(b.sandbox.NewJob(t.Context()))(t)
}

// push puts a test image into a registry and returns its digest.
func (b *bench) push(t *testing.T, kind, ref string, more ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.tools.Sandbox, append(append([]string{"push"}, more...), filepath.Join(b.tools.Images, kind), ref)...)
	command(t, cmd)
	return b.digest(t, kind)
}

// digest is that of a test image.
func (b *bench) digest(t *testing.T, kind string) string {
	t.Helper()
	var image struct {
		Digest string `json:"digest"`
	}
	content := suite.Must(os.ReadFile(filepath.Join(b.tools.Images, kind+".json")))(t)
	if err := json.Unmarshal(content, &image); err != nil {
		t.Fatal(err)
	}
	return image.Digest
}

// unique is a name for something of the engine.
func unique(what string) string {
	return "seal-image-" + what + "-" + strings.ToLower(rand.Text()[:8])
}
