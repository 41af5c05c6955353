package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/harness"
)

// bench is what all runs share.
type bench struct {
	dir     string // temporary
	root    string // of the repository
	tools   *harness.Tools
	action  string
	syft    string
	cosigns map[format]string
	sandbox *harness.Sandbox
	job     *harness.Job
	images  *images
}

// A format is how signatures are stored, as the input signature-format has it.
type format string

const (
	legacy format = "legacy"
	bundle format = "bundle"
)

// pushedTag is the tag of every image.
const pushedTag = "v1"

// A place is an image in a repository of its own.
type place struct {
	image      *image
	repository string
}

func (p place) ref(desc v1.Descriptor) string { return p.repository + "@" + desc.Digest.String() }

// put pushes an image to a new repository. The registry has its blobs.
func (b *bench) put(ctx context.Context, i *image) (place, error) {
	p := place{image: i, repository: b.job.Registry + "/acme/r-" + strings.ToLower(rand.Text())}
	for _, desc := range append(i.manifests(), i.Top) {
		reference := desc.Digest.String()
		if desc.Digest == i.Top.Digest {
			reference = pushedTag
		}
		content, err := os.ReadFile(i.path(desc))
		if err != nil {
			return place{}, err
		}
		host, name, _ := strings.Cut(p.repository, "/")
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+host+"/v2/"+name+"/manifests/"+reference, bytes.NewReader(content))
		if err != nil {
			return place{}, err
		}
		req.Header.Set("Content-Type", string(desc.MediaType))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return place{}, err
		}
		if err := resp.Body.Close(); err != nil {
			return place{}, err
		}
		if resp.StatusCode != http.StatusCreated {
			return place{}, fmt.Errorf("push %s: %s", i.Name, resp.Status)
		}
	}
	_, err := recorded(ctx, b.job) // which is no part of a run
	return p, err
}

// A run is what was measured.
type run struct {
	used      usage
	record    record
	documents map[v1.Hash][]byte // SPDX, by the image
}

// seal has the action seal an image.
func (b *bench) seal(ctx context.Context, p place, f format) (*run, error) {
	return b.act(ctx, p, map[string]string{"signature-format": string(f)})
}

// act runs the action as the runner does, with more inputs.
func (b *bench) act(ctx context.Context, p place, inputs map[string]string) (*run, error) {
	runner, err := harness.NewRunner(filepath.Join(b.dir, rand.Text()), b.job)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(runner.Workspace))
	cmd := exec.CommandContext(ctx, b.action)
	cmd.Dir = runner.Workspace
	all := map[string]string{
		"image": p.repository + ":" + pushedTag, "digest": p.image.Top.Digest.String(),
		"tuf-url": b.job.TUFURL, "tuf-root": b.job.TUFRoot,
	}
	maps.Copy(all, inputs)
	cmd.Env = runner.Environment(all)
	r := &run{documents: map[v1.Hash][]byte{}}
	if r.used, err = measure(cmd); err != nil {
		return nil, err
	}
	if r.record, err = recorded(ctx, b.job); err != nil {
		return nil, err
	}
	for n, desc := range p.image.manifests() {
		file := strings.ReplaceAll(platformOf(p.image, n), "/", "-") + ".spdx.json"
		if r.documents[desc.Digest], err = os.ReadFile(filepath.Join(runner.Workspace, ".seal-image", file)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func platformOf(i *image, n int) string { return i.manifests()[n].Platform.String() }

// catalog runs syft's program on each platform, with more variables.
func (b *bench) catalog(ctx context.Context, p place, env ...string) (*run, error) {
	r := &run{documents: map[v1.Hash][]byte{}}
	for n, desc := range p.image.manifests() {
		var document bytes.Buffer
		cmd := exec.CommandContext(ctx, b.syft, "--quiet", "registry:"+p.repository+":"+pushedTag, "-o", "spdx-json")
		if p.image.Parts != nil {
			cmd.Args = append(cmd.Args, "--platform", platformOf(p.image, n))
		}
		cmd.Dir, cmd.Stdout = b.dir, &document
		cmd.Env = append([]string{"HOME=" + b.dir, "TMPDIR=" + b.dir, "SYFT_CHECK_FOR_APP_UPDATE=false"}, env...)
		used, err := measure(cmd)
		if err != nil {
			return nil, err
		}
		r.used = r.used.add(used)
		r.documents[desc.Digest] = document.Bytes()
	}
	var err error
	r.record, err = recorded(ctx, b.job)
	return r, err
}

// sign runs cosign: it signs all manifests, and attests the document of each image.
func (b *bench) sign(ctx context.Context, p place, f format, documents map[v1.Hash][]byte) (*run, error) {
	home, err := b.home(ctx, f)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	r := &run{}
	do := func(args ...string) error {
		cmd := exec.CommandContext(ctx, b.cosigns[f], args...)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "ACTIONS_ID_TOKEN_REQUEST_URL=" + b.job.IDTokenRequestURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + b.job.IDTokenRequestToken}
		used, err := measure(cmd)
		r.used = r.used.add(used)
		return err
	}
	flags := []string{"--yes"}
	if f == legacy { // the addresses are built into the public cosign
		flags = append(flags, "--fulcio-url", b.job.FulcioURL, "--rekor-url", b.job.RekorURL)
	}
	if err := do(append(append([]string{"sign", "--recursive"}, flags...), p.ref(p.image.Top))...); err != nil {
		return nil, err
	}
	for _, desc := range p.image.manifests() {
		predicate := filepath.Join(home, "sbom.spdx.json")
		if err := os.WriteFile(predicate, documents[desc.Digest], 0o644); err != nil {
			return nil, err
		}
		if err := do(append(append([]string{"attest", "--type", "spdxjson", "--predicate", predicate}, flags...), p.ref(desc))...); err != nil {
			return nil, err
		}
	}
	r.record, err = recorded(ctx, b.job)
	return r, err
}

// home is a home folder in which cosign trusts the sandbox as it trusts the public Sigstore.
func (b *bench) home(ctx context.Context, f format) (string, error) {
	home := filepath.Join(b.dir, rand.Text())
	if err := os.Mkdir(home, 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, b.cosigns[f], "initialize", "--mirror", b.job.TUFURL, "--root", b.job.TUFRoot)
	cmd.Env = []string{"HOME=" + home}
	if words, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cosign initialize: %w\n%s", err, words)
	}
	_, err := recorded(ctx, b.job)
	return home, err
}

// then is a run after another.
func (r *run) then(next *run) *run {
	sum := &run{used: r.used.add(next.used), record: append(append(record{}, r.record...), next.record...), documents: map[v1.Hash][]byte{}}
	maps.Copy(sum.documents, r.documents)
	return sum
}

// fetchAll is the floor of an image, by this program as a process of its own.
func (b *bench) fetchAll(ctx context.Context, p place) (*run, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"floor"}
	host, name, _ := strings.Cut(p.repository, "/")
	layers, err := p.image.layers()
	if err != nil {
		return nil, err
	}
	for _, layer := range layers {
		args = append(args, "http://"+host+"/v2/"+name+"/blobs/"+layer.Digest.String())
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	r := &run{}
	if r.used, err = measure(cmd); err != nil {
		return nil, err
	}
	r.record, err = recorded(ctx, b.job)
	return r, err
}
