package sigstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore-go/pkg/tuf"

	"seal-image/internal/attest"
	"seal-image/internal/secret"
	"seal-image/internal/sigstore"
	"seal-image/internal/transport"
)

// TestMain makes the program with the tests a client of the conformance suite, if it is
// called as one. `make conformance-client` builds it.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "sign-bundle" && os.Args[1] != "verify-bundle" {
		os.Exit(m.Run())
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	c := conformance{transport: transport.New(transport.Options{Log: log, UserAgent: "seal-image-conformance"}), log: log}
	if err := c.run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// conformance is the client, whose words are those of the suite.
//
// Protocol: https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md
type conformance struct {
	transport http.RoundTripper
	log       *slog.Logger

	staging, inToto                    bool
	token, bundle, key, san, issuer    string
	trustedRoot, signingConfig, target string // target: the file or digest
}

func (c conformance) run(ctx context.Context, command string, args []string) error {
	if err := c.parse(command, args); err != nil {
		return err
	}
	i, err := c.instance()
	if err != nil {
		return err
	}
	if command == "sign-bundle" {
		return c.sign(ctx, i)
	}
	return c.verify(ctx, i)
}

func (c *conformance) parse(command string, args []string) error {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&c.staging, "staging", false, "")
	flags.BoolVar(&c.inToto, "in-toto", false, "")
	for name, value := range map[string]*string{
		"bundle": &c.bundle, "trusted-root": &c.trustedRoot, "signing-config": &c.signingConfig, "identity-token": &c.token,
		"key": &c.key, "certificate-identity": &c.san, "certificate-oidc-issuer": &c.issuer,
	} {
		flags.StringVar(value, name, "", "")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	c.target = flags.Arg(0)
	switch {
	case c.key != "":
		return errors.New("--key is not supported: we sign and verify keyless alone")
	case flags.NArg() != 1 || c.bundle == "":
		return errors.New("want --bundle and one file or digest")
	}
	return nil
}

// instance is the public good instance, or that of the files.
func (c *conformance) instance() (sigstore.Instance, error) {
	var i sigstore.Instance
	if c.staging {
		i.TUFURL, i.TUFRoot = tuf.StagingMirror, tuf.StagingRoot()
	}
	for path, into := range map[string]*sigstore.File{c.trustedRoot: &i.TrustedRoot, c.signingConfig: &i.SigningConfig} {
		if path == "" {
			continue
		}
		var err error
		if into.JSON, err = os.ReadFile(path); err != nil {
			return i, err
		}
	}
	return i, nil
}

func (c *conformance) sign(ctx context.Context, i sigstore.Instance) error {
	content, err := os.ReadFile(c.target)
	if err != nil {
		return err
	}
	st, err := statementFor(content, c.inToto)
	if err != nil {
		return err
	}
	token := secret.New(c.token)
	s, err := sigstore.New(sigstore.Options{
		Instance: i, Format: attest.Bundles, Audience: "sigstore", Transport: c.transport, Log: c.log,
		Token: func(context.Context, string) (secret.String, error) { return token, nil },
		Job:   sigstore.Job{ServerURL: "https://github.com", PrivateIsPublic: true},
	})
	if err != nil {
		return err
	}
	bundle, err := signWith(ctx, s, token, st)
	if err != nil {
		return err
	}
	return os.WriteFile(c.bundle, bundle.JSON, 0o600)
}

// signWith signs as a job, or as the person whose token it is.
func signWith(ctx context.Context, s *sigstore.Signer, token secret.String, st *attest.Statement) (*attest.Bundle, error) {
	claims, err := claimsOf(token.Reveal())
	if err != nil {
		return nil, fmt.Errorf("identity token: %w", err)
	}
	if email, ok := claims["email"].(string); ok {
		issuer, _ := claims["iss"].(string)
		return s.SignAs(ctx, token, attest.Identity{SAN: email, Issuer: issuer}, st)
	}
	bundles, err := s.Sign(ctx, []*attest.Statement{st})
	if err != nil {
		return nil, err
	}
	return bundles[0], nil
}

// statementFor signs a file as it is, or a statement about something else.
func statementFor(content []byte, inToto bool) (*attest.Statement, error) {
	if !inToto {
		sum := sha256.Sum256(content)
		return &attest.Statement{About: artifact(sum[:]), PayloadType: attest.SimpleSigningType, Payload: content}, nil
	}
	var statement struct {
		Subject []struct{ Digest struct{ SHA256 string } }
	}
	if err := json.Unmarshal(content, &statement); err != nil {
		return nil, err
	}
	if len(statement.Subject) == 0 {
		return nil, errors.New("the statement has no subject")
	}
	digest, err := hex.DecodeString(statement.Subject[0].Digest.SHA256)
	if err != nil || len(digest) != sha256.Size {
		return nil, errors.New("the first subject of the statement has no SHA-256")
	}
	return &attest.Statement{About: artifact(digest), PayloadType: attest.PayloadType, Payload: content}, nil
}

// artifact is something with a digest; it is in no registry.
func artifact(digest []byte) attest.Manifest {
	ref, err := name.NewDigest("artifact.example.com/artifact@sha256:" + hex.EncodeToString(digest))
	if err != nil {
		panic(err) // of 32 bytes
	}
	return attest.Manifest{Ref: ref}
}

var isDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (c *conformance) verify(ctx context.Context, i sigstore.Instance) error {
	encoded, err := os.ReadFile(c.bundle)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(c.target)
	var st *attest.Statement
	switch {
	case err == nil:
		st, err = statementFor(content, false)
	case isDigest.MatchString(c.target):
		var digest []byte
		digest, err = hex.DecodeString(c.target[len("sha256:"):])
		st = &attest.Statement{About: artifact(digest)}
	}
	if err != nil {
		return err
	}
	return sigstore.VerifyAny(ctx, i, c.transport, encoded, st, c.san, c.issuer)
}
