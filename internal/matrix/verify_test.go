//go:build matrix

package matrix_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// A way in which a cosign signs and attests.
type way struct {
	cosign, peer string
	bundle       bool
	flags        func(*harness.Job) []string
}

func byURL(job *harness.Job) []string {
	return []string{"--fulcio-url", job.FulcioURL, "--rekor-url", job.RekorURL}
}

func bySigningConfig(job *harness.Job) []string {
	return []string{"--trusted-root", job.TrustedRoot, "--signing-config", job.SigningConfig}
}

var ways = []way{
	{"2.4.3", "cosign24", false, byURL},
	{"2.6.5", "cosign26", false, byURL},
	{"2.6.5", "cosign26", true, func(job *harness.Job) []string {
		return append([]string{"--new-bundle-format"}, bySigningConfig(job)...)
	}},
	{"3.1.3", "", false, func(job *harness.Job) []string {
		return append([]string{"--new-bundle-format=false", "--use-signing-config=false"}, byURL(job)...)
	}},
	{"3.1.3", "", true, bySigningConfig},
}

func (w way) String() string {
	if w.bundle {
		return w.cosign + " bundle"
	}
	return w.cosign + " tags"
}

const sbomOfCosign = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"of cosign"}`

// TestVerify has the verify action read what three versions of cosign write.
func TestVerify(t *testing.T) {
	b := &bench{dir: suite.OpenDir(t), images: map[string]testImage{}, cosigns: map[string]*cosign{}}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	b.job = suite.Start(t, b.tools).First
	for _, kind := range []string{"single", "default"} {
		b.images[kind] = suite.Must(readImage(b.tools.Images, kind))(t)
	}
	for _, w := range ways {
		if b.cosigns[w.cosign] == nil {
			program := suite.Must(b.buildCosign(t.Context(), w.peer))(t)
			b.cosigns[w.cosign] = suite.Must(newCosign(t.Context(), program, filepath.Join(b.dir, w.cosign), b.job))(t)
		}
	}
	for _, w := range ways {
		for _, host := range []string{b.job.Registry, b.job.RegistryNoReferrers} {
			t.Run(fmt.Sprint(w, host == b.job.Registry), func(t *testing.T) {
				t.Parallel()
				b.testWay(t, w, host+"/acme/"+strings.NewReplacer(" ", "-", ".", "-").Replace(w.String()))
			})
		}
	}
}

// testWay signs one image and attests its SBOM; another image of the repository gets the
// signatures of the first, as somebody would do who may only push.
func (b *bench) testWay(t *testing.T, w way, repository string) {
	for kind := range b.images {
		if err := b.push(t.Context(), kind, repository); err != nil {
			t.Fatal(err)
		}
	}
	image := suite.Must(name.NewDigest(repository + "@" + b.images["single"].Digest))(t)
	other := suite.Must(name.NewDigest(repository + "@" + b.images["default"].Digest))(t)
	b.wantRefusal(t, image, "not-signed", nil)

	predicate := filepath.Join(t.TempDir(), "sbom.json")
	if err := os.WriteFile(predicate, []byte(sbomOfCosign), 0o644); err != nil {
		t.Fatal(err)
	}
	b.cosignDo(t, w, image, "attest", "--type", "spdxjson", "--predicate", predicate)
	b.wantRefusal(t, image, "not-signed", nil) // an SBOM alone
	b.cosignDo(t, w, image, "sign")

	wrong := "legacy"
	if !w.bundle {
		wrong = "bundle"
	}
	b.wantSBOM(t, image)
	b.wantRefusal(t, image, "not-signed", map[string]string{"signature-format": wrong})
	b.wantRefusal(t, image, "signer-unexpected", map[string]string{"ref": "refs/tags/v1"})
	b.wantRefusal(t, image, "signer-unexpected", map[string]string{"repository": "acme/other"})
	b.wantRefusal(t, image, "signer-unexpected", map[string]string{"certificate-oidc-issuer": "https://issuer.test"})
	b.wantRefusal(t, other, "not-signed", nil)
	transplant(t, image, other)
	b.wantRefusal(t, other, "signature-untrusted", nil)
	b.wantSBOM(t, image)
}

// cosignDo signs or attests.
func (b *bench) cosignDo(t *testing.T, w way, image name.Digest, args ...string) {
	t.Helper()
	args = slices.Concat(args, []string{"--yes"}, w.flags(b.job), []string{image.String()})
	if _, words, err := b.cosigns[w.cosign].runWith(t.Context(), b.token(), args...); err != nil {
		t.Fatalf("cosign %s %s: %v\n%s", w, args[0], err, words)
	}
}

// expecting are the inputs that name the signer, with changes.
func (b *bench) expecting(image name.Digest, changes map[string]string) map[string]string {
	inputs := map[string]string{
		"image": image.String(), "repository": "acme/demo", "workflow": "release.yml", "require-sbom": "true",
		"certificate-oidc-issuer": b.job.Issuer, "allow-http-registry": "true", "tuf-url": b.job.TUFURL, "tuf-root": b.job.TUFRoot,
	}
	maps.Copy(inputs, changes)
	return inputs
}

func (b *bench) wantSBOM(t *testing.T, image name.Digest) {
	t.Helper()
	runner, err := b.verifyAction(t.Context(), b.expecting(image, nil))
	if err != nil {
		t.Fatal(err)
	}
	outputs := suite.Must(runner.Outputs())(t)
	if outputs["digest"] != image.DigestStr() {
		t.Errorf("the output digest is %q", outputs["digest"])
	}
	// cosign writes the predicate anew, with its fields in another order.
	got := map[string]string{}
	content := suite.Must(os.ReadFile(filepath.Join(runner.Workspace, outputs["sbom-path"])))(t)
	if err := json.Unmarshal(content, &got); err != nil || got["name"] != "of cosign" {
		t.Errorf("the SBOM is %s: %v", content, err)
	}
}

func (b *bench) wantRefusal(t *testing.T, image name.Digest, code string, changes map[string]string) {
	t.Helper()
	_, err := b.verifyAction(t.Context(), b.expecting(image, changes))
	if err == nil || !strings.Contains(err.Error(), "\ncode: "+code+"\n") {
		t.Errorf("with %v: %v, want %s", changes, err, code)
	}
}

// transplant copies what is attached to one image to another.
func transplant(t *testing.T, from, to name.Digest) {
	t.Helper()
	ctx := remote.WithContext(t.Context())
	index := suite.Must(remote.Referrers(from, ctx))(t)
	for _, d := range suite.Must(index.IndexManifest())(t).Manifests {
		content := suite.OnlyLayer(t, from.Context().Digest(d.Digest.String()))
		if bytes.Contains(content, []byte("dsseEnvelope")) {
			storeReferrer(t, to, content, "")
		}
	}
	tag := func(image name.Digest, suffix string) name.Tag {
		return image.Context().Tag(strings.Replace(image.DigestStr(), ":", "-", 1) + suffix)
	}
	for _, suffix := range []string{".sig", ".att"} {
		if found, err := remote.Get(tag(from, suffix), ctx); err == nil {
			if err := remote.Tag(tag(to, suffix), found, ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}
