//go:build matrix

package matrix_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// root is the folder of the repository.
const root = "../.."

// bench is what the test works with.
type bench struct {
	dir        string
	tools      *harness.Tools
	action     string
	sandbox    *harness.Sandbox
	job        *harness.Job
	registries []registry
	images     map[string]testImage // by kind
	cosigns    map[string]*cosign   // by the verifier's name
}

// testImage is what the sandbox says of an image that it made.
type testImage struct {
	Digest string `json:"digest"`
	Images []struct {
		Digest   string `json:"digest"`
		Platform string `json:"platform"`
	} `json:"images"`
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: suite.OpenDir(t), images: map[string]testImage{}, cosigns: map[string]*cosign{}}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	b.sandbox = suite.Start(t, b.tools)
	b.job = b.sandbox.First
	b.registries = []registry{
		{name: "referrers API", host: b.job.Registry},
		{name: "no referrers API", host: b.job.RegistryNoReferrers},
		{name: "distribution 3", host: b.job.RegistryDistribution},
		{name: "docker-registry 2.8", host: startDockerRegistry(t, b.tools.Dir)},
	}
	for _, kind := range append([]string{unsigned}, sealed...) {
		b.images[kind] = suite.Must(readImage(b.tools.Images, kind))(t)
	}
	for i, v := range verifiers {
		program := suite.Must(b.buildCosign(t.Context(), v.peer))(t)
		dir := filepath.Join(b.dir, fmt.Sprintf("cosign-%d", i))
		b.cosigns[v.name] = suite.Must(newCosign(t.Context(), program, dir, b.job))(t)
	}
	return b
}

// buildCosign builds the cosign of a module below internal/peers.
func (b *bench) buildCosign(ctx context.Context, peer string) (string, error) {
	if peer == "" {
		return b.tools.Cosign, nil
	}
	return b.tools.BuildPeer(ctx, root, peer, "github.com/sigstore/cosign/v2/cmd/cosign")
}

func readImage(dir, kind string) (testImage, error) {
	var image testImage
	content, err := os.ReadFile(filepath.Join(dir, kind+".json"))
	if err != nil {
		return image, err
	}
	return image, json.Unmarshal(content, &image)
}

// push puts a test image into a repository.
func (b *bench) push(ctx context.Context, kind, repository string) error {
	cmd := exec.CommandContext(ctx, b.tools.Sandbox, "push", filepath.Join(b.tools.Images, kind), repository+":"+kind)
	if words, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("push %s to %s: %w\n%s", kind, repository, err, words)
	}
	return nil
}

// seal pushes a test image and runs the action on it, with more inputs.
func (b *bench) seal(ctx context.Context, kind, repository string, more map[string]string) (*harness.Runner, error) {
	if err := b.push(ctx, kind, repository); err != nil {
		return nil, err
	}
	runner, err := harness.NewRunner(filepath.Join(b.dir, rand.Text()), b.job)
	if err != nil {
		return nil, err
	}
	inputs := map[string]string{
		"image": repository + ":" + kind, "digest": b.images[kind].Digest, "allow-http-registry": "true",
		"tuf-url": b.job.TUFURL, "tuf-root": b.job.TUFRoot,
	}
	maps.Copy(inputs, more)
	cmd := exec.CommandContext(ctx, b.action)
	cmd.Env = runner.Environment(inputs)
	cmd.Dir = runner.Workspace
	if words, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("seal %s in %s with %v: %w\n%s", kind, repository, more, err, words)
	}
	return runner, nil
}
