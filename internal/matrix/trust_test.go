//go:build matrix

package matrix_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// trustBench signs and verifies with two kinds of log and two sources of trust.
type trustBench struct {
	*bench
	roots map[string]string // files of trusted roots, by the field that they lack; "" is whole
}

// A ledger is a log that signs, and how clients are told to use it.
type ledger struct {
	name          string
	signingConfig func(*harness.Job) string // file
	target        string                    // the same, in the TUF repository
	flags26       []string                  // what cosign 2.6.5 needs to be told
}

var ledgers = []ledger{
	{name: "Rekor v1", signingConfig: func(j *harness.Job) string { return j.SigningConfig }, target: "signing_config.v0.2.json"},
	{
		name: "Rekor v2 + TSA", signingConfig: func(j *harness.Job) string { return j.SigningConfigV2 }, target: "signing_config_rekor_v2.v0.2.json",
		flags26: []string{"--use-signed-timestamps"}, // it looks for the time in the log alone
	},
}

var sources = []string{"file", "TUF"}

// A signedImage says where and how an image was signed.
type signedImage struct {
	signer string // ours, or cosign's version
	ledger ledger
	source string
	ref    string // repository@digest
}

func (s signedImage) String() string {
	return strings.Join([]string{s.ledger.name, "trust from " + s.source, "signed by " + s.signer}, ", ")
}

const ours = "seal-image"

// TestTrust has the action and cosign verify what both sign, with either log and either
// source of trust, and refuse it when the trust is not whole.
func TestTrust(t *testing.T) {
	b := newTrustBench(t)
	var images []signedImage
	for _, l := range ledgers {
		for _, source := range sources {
			for _, signer := range []string{ours, "3.1.3"} {
				images = append(images, b.sign(t, signer, l, source))
			}
		}
	}
	rows := []string{"| log | trust | signs | seal-image | cosign 2.6.5 | cosign 3.1.3 |", "|---|---|---|:-:|:-:|:-:|"}
	for _, image := range images {
		row := []string{image.ledger.name, image.source, image.signer}
		for _, v := range []string{ours, "2.6.5", "3.1.3"} {
			err := b.verify(t.Context(), v, image, signer, "")
			row = append(row, verdict(err))
			if err != nil {
				t.Errorf("%s refuses %s: %v", v, image, err)
			}
			if err := b.verify(t.Context(), v, image, stranger, ""); err == nil {
				t.Errorf("%s accepts %s as signed by another", v, image)
			}
		}
		rows = append(rows, "| "+strings.Join(row, " | ")+" |")
	}
	t.Log("\n" + strings.Join(rows, "\n"))
	t.Run("parts", func(t *testing.T) { b.testParts(t, images) })
	t.Run("tuf", func(t *testing.T) { b.testTUF(t, images[2]) })
}

func verdict(err error) string {
	if err != nil {
		return string(refused)
	}
	return string(accepted)
}

func newTrustBench(t *testing.T) *trustBench {
	t.Helper()
	b := &trustBench{
		bench: &bench{dir: suite.OpenDir(t), images: map[string]testImage{}, cosigns: map[string]*cosign{}},
		roots: map[string]string{},
	}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	b.sandbox = suite.Start(t, b.tools)
	b.job = b.sandbox.First
	b.images["empty"] = suite.Must(readImage(b.tools.Images, "empty"))(t)
	for name, peer := range map[string]string{"2.6.5": "cosign26", "3.1.3": ""} {
		program := suite.Must(b.buildCosign(t.Context(), peer))(t)
		b.cosigns[name] = suite.Must(newCosign(t.Context(), program, filepath.Join(b.dir, name), b.job))(t)
	}
	for _, field := range []string{"", "tlogs", "ctlogs", "timestampAuthorities"} {
		b.roots[field] = suite.Must(b.rootWithout(field))(t)
	}
	return b
}

// rootWithout writes the trusted root without a field.
func (b *trustBench) rootWithout(field string) (string, error) {
	encoded, err := os.ReadFile(b.job.TrustedRoot)
	if err != nil {
		return "", err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return "", err
	}
	delete(fields, field)
	if encoded, err = json.Marshal(fields); err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, "root-without-"+field+".json")
	return file, os.WriteFile(file, encoded, 0o644)
}

// sign has an image of its own signed.
func (b *trustBench) sign(t *testing.T, signer string, l ledger, source string) signedImage {
	t.Helper()
	name := strings.NewReplacer(" ", "", "+", "-").Replace(l.name + "-" + source + "-" + signer)
	repository := b.job.Registry + "/acme/" + strings.ToLower(name)
	image := signedImage{signer: signer, ledger: l, source: source, ref: repository + "@" + b.images["empty"].Digest}
	if signer == ours {
		inputs := map[string]string{"sbom": "false", "signature-format": "bundle", "signing-config": l.target}
		if source == "file" {
			maps.Copy(inputs, map[string]string{"tuf-url": "", "tuf-root": "", "trusted-root": b.job.TrustedRoot, "signing-config": l.signingConfig(b.job)})
		}
		suite.Must(b.seal(t.Context(), "empty", repository, inputs))(t)
		return image
	}
	if err := b.push(t.Context(), "empty", repository); err != nil {
		t.Fatal(err)
	}
	args := []string{"sign", "--yes", "--signing-config", l.signingConfig(b.job)}
	if source == "file" {
		args = append(args, "--trusted-root", b.job.TrustedRoot)
	}
	if _, words, err := b.cosigns[signer].runWith(t.Context(), b.token(), append(args, image.ref)...); err != nil {
		t.Fatalf("cosign %s signs %s: %v\n%s", signer, image, err, words)
	}
	return image
}

// token is how cosign gets the job's token.
func (b *bench) token() []string {
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + b.job.IDTokenRequestURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + b.job.IDTokenRequestToken}
}

// verify asks a verifier; a trusted root that lacks a part is always a file.
func (b *trustBench) verify(ctx context.Context, by string, image signedImage, identity, lacks string) error {
	if by == ours {
		inputs := map[string]string{"image": image.ref, "certificate-identity": identity, "allow-http-registry": "true"}
		if image.source == "file" || lacks != "" {
			inputs["trusted-root"] = b.roots[lacks]
		} else {
			inputs["tuf-url"], inputs["tuf-root"] = b.job.TUFURL, b.job.TUFRoot
		}
		_, err := b.verifyAction(ctx, inputs)
		return err
	}
	args := []string{"verify", "--certificate-identity", identity, "--certificate-oidc-issuer", b.job.Issuer}
	if image.source == "file" || lacks != "" {
		args = append(args, "--trusted-root", b.roots[lacks])
	}
	if by == "2.6.5" {
		args = append(args, "--new-bundle-format")
		args = append(args, image.ledger.flags26...)
	}
	stdout, words, err := b.cosigns[by].run(ctx, append(args, image.ref)...)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, words)
	}
	return checkSignature(stdout, b.images["empty"].Digest, signatureTypes[bundles])
}

// verifyAction runs the verify action as the runner would.
func (b *bench) verifyAction(ctx context.Context, inputs map[string]string) (*harness.Runner, error) {
	runner, err := harness.NewRunner(filepath.Join(b.dir, rand.Text()), b.job)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.action, "verify")
	cmd.Env = runner.Environment(inputs)
	cmd.Dir = runner.Workspace
	if words, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, words)
	}
	return runner, nil
}

// testParts: a trusted root that lacks what a signature proves itself by. All refuse it.
func (b *trustBench) testParts(t *testing.T, images []signedImage) {
	for _, image := range images {
		for _, lacks := range []string{"tlogs", "ctlogs", "timestampAuthorities"} {
			if lacks == "timestampAuthorities" && image.ledger.name == "Rekor v1" {
				continue // the log has a time
			}
			for _, v := range []string{ours, "2.6.5", "3.1.3"} {
				if err := b.verify(t.Context(), v, image, signer, lacks); err == nil {
					t.Errorf("%s accepts %s with a trusted root without %s", v, image, lacks)
				}
			}
		}
	}
}

// testTUF: a repository that went bad gives no trust, to the action and to cosign.
func (b *trustBench) testTUF(t *testing.T, image signedImage) {
	for _, state := range []string{"expired", "expired-root", "rolled-back", "rolled-back-targets", "rolled-back-root", "tampered", "foreign", "stalled"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			job := suite.Must(b.sandbox.NewJob(t.Context()))(t)
			order, path := map[string]any{"state": state}, "/tuf"
			if state == "stalled" {
				order, path = map[string]any{"service": "tuf", "hold": "forever"}, "/faults"
			}
			body := suite.Must(json.Marshal(order))(t)
			suite.Must(job.Ask(t.Context(), http.MethodPost, path, body))(t)
			inputs := map[string]string{"image": image.ref, "certificate-identity": signer, "allow-http-registry": "true", "tuf-url": job.TUFURL, "tuf-root": job.TUFRoot}
			_, err := b.verifyAction(t.Context(), inputs)
			if err == nil || !strings.Contains(err.Error(), "The trust root of Sigstore could not be fetched") {
				t.Errorf("the verify action: %v", err)
			}
			seal := map[string]string{"sbom": "false", "tuf-url": job.TUFURL, "tuf-root": job.TUFRoot}
			if _, err := b.seal(t.Context(), "empty", job.Registry+"/acme/bad-"+state, seal); err == nil || !strings.Contains(err.Error(), "The trust root of Sigstore could not be fetched") {
				t.Errorf("the action: %v", err)
			}
			if state == "stalled" {
				return // cosign has no limit of its own here
			}
			for _, peer := range []string{"2.6.5", "3.1.3"} {
				if _, err := newCosign(t.Context(), b.cosigns[peer].program, filepath.Join(b.dir, peer+state), job); err == nil {
					t.Errorf("cosign %s trusts the repository", peer)
				}
			}
		})
	}
}
