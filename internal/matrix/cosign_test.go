//go:build matrix

package matrix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"seal-image/internal/harness"
)

// answerLimit is the time that one cosign has; it takes half a second.
const answerLimit = time.Minute

// cosign is a program that believes in the sandbox.
type cosign struct {
	program string
	homes   chan string // with its trust; each is used by one process at a time
}

// newCosign has cosign trust the sandbox as it trusts the public Sigstore: by TUF.
//
// There is a home for each process that runs at the same time, because cosign 2.4 locks
// the folder where it keeps the trust, and gives up if another process has it.
func newCosign(ctx context.Context, program, dir string, job *harness.Job) (*cosign, error) {
	c := &cosign{program: program, homes: make(chan string, atOnce)}
	for i := range atOnce {
		home := filepath.Join(dir, fmt.Sprintf("home-%d", i))
		if err := os.MkdirAll(home, 0o755); err != nil {
			return nil, err
		}
		c.homes <- home
	}
	for range atOnce { // run takes another home each time
		if _, words, err := c.run(ctx, "initialize", "--mirror", job.TUFURL, "--root", job.TUFRoot); err != nil {
			return nil, fmt.Errorf("%s initialize: %w\n%s", program, err, words)
		}
	}
	return c, nil
}

// run runs cosign in the home that was used longest ago.
func (c *cosign) run(ctx context.Context, args ...string) (stdout, stderr []byte, err error) {
	return c.runWith(ctx, nil, args...)
}

// runWith is run with more variables.
func (c *cosign) runWith(ctx context.Context, env []string, args ...string) (stdout, stderr []byte, err error) {
	home := <-c.homes
	defer func() { c.homes <- home }()
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var out, words bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = append([]string{"HOME=" + home}, env...)
	cmd.Stdout, cmd.Stderr = &out, &words
	err = cmd.Run()
	return out.Bytes(), words.Bytes(), err
}

// judge asks the verifier of a cell, and reads its answer.
func (b *bench) judge(ctx context.Context, c *cell) (outcome, string) {
	digest := c.row.digest(b.images[c.row.kind])
	args := append([]string{c.command, "--certificate-identity", c.row.identity, "--certificate-oidc-issuer", b.job.Issuer}, c.verifier.flags...)
	if c.command == "verify-attestation" {
		args = append(args, "--type", "spdxjson")
	}
	stdout, stderr, err := b.cosigns[c.verifier.name].run(ctx, append(args, c.registry.host+"/acme/"+c.format+"@"+digest)...)
	if err != nil {
		return unaccepted(stderr), fmt.Sprintf("%v\n%s", err, stderr)
	}
	if c.command == "verify-attestation" {
		err = checkDocument(stdout, digest)
	} else {
		err = checkSignature(stdout, digest, signatureTypes[c.place()])
	}
	if err != nil {
		return broken, fmt.Sprintf("accepted, but %v\n%s", err, stdout)
	}
	return accepted, ""
}

// What the three versions say, of tags and of bundles.
var (
	wordsOfRefusal = regexp.MustCompile(`none of the expected identities matched|no matching CertificateIdentity found`)
	wordsOfAbsence = regexp.MustCompile(`(?m)no signatures found$|no matching attestations: *$`)
)

func unaccepted(stderr []byte) outcome {
	switch {
	case wordsOfRefusal.Match(stderr):
		return refused
	case wordsOfAbsence.Match(stderr):
		return notFound
	default:
		return broken
	}
}

// signatureTypes are how cosign calls an image signature, by where it is.
var signatureTypes = map[place]string{
	bundles: "https://sigstore.dev/cosign/sign/v1",
	tags:    "cosign container image signature",
}

// checkSignature wants one image signature of the type, and everything to be about the
// digest. Of bundles, cosign lists all that the identity has attached, also the SBOM.
func checkSignature(stdout []byte, digest, signatureType string) error {
	var printed []struct {
		Critical struct {
			Type  string `json:"type"`
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
		} `json:"critical"`
	}
	if err := json.Unmarshal(stdout, &printed); err != nil {
		return err
	}
	signatures := 0
	for _, p := range printed {
		if p.Critical.Image.Digest != digest {
			return fmt.Errorf("it is about %q", p.Critical.Image.Digest)
		}
		if p.Critical.Type == signatureType {
			signatures++
		}
	}
	if signatures != 1 {
		return fmt.Errorf("it lists %d signatures of type %q", signatures, signatureType)
	}
	return nil
}

// checkDocument wants one statement, of an SPDX document about the digest alone.
func checkDocument(stdout []byte, digest string) error {
	var envelope struct {
		Payload []byte `json:"payload"`
	}
	if err := json.Unmarshal(stdout, &envelope); err != nil { // which refuses a second one
		return err
	}
	var statement struct {
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if err := json.Unmarshal(envelope.Payload, &statement); err != nil {
		return err
	}
	if len(statement.Subject) != 1 || "sha256:"+statement.Subject[0].Digest["sha256"] != digest {
		return fmt.Errorf("it is about %v", statement.Subject)
	}
	if statement.PredicateType != "https://spdx.dev/Document" {
		return fmt.Errorf("it is a %q", statement.PredicateType)
	}
	return nil
}
