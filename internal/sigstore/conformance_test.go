package sigstore_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/transport"
)

// conformanceFiles are the files of a client: the artifact, a statement about it, the trust
// roots and the signing config, and how the client is called with them.
type conformanceFiles struct {
	t      *testing.T
	dir    string
	client conformance
	token  string
	digest string
}

// newConformance is a client of a new instance, on our own HTTP stack.
func newConformance(t *testing.T, config []byte, c map[string]any) *conformanceFiles {
	t.Helper()
	i := newInstance(t)
	log := slog.New(slog.DiscardHandler)
	f := &conformanceFiles{
		t: t, dir: t.TempDir(), token: token(t, c),
		client: conformance{transport: transport.New(transport.Options{Base: i.network, Log: log}), log: log},
	}
	artifact := []byte("an artifact\n")
	sum := sha256.Sum256(artifact)
	f.digest = hex.EncodeToString(sum[:])
	f.write("artifact", artifact)
	f.write("other", []byte("another artifact\n"))
	f.write("statement", []byte(strings.Replace(sbomStatement, strings.Repeat("a", 64), f.digest, 1)))
	f.write("root", i.trustedRoot(t))
	f.write("other-root", newServices(t).trustedRoot(t))
	f.write("config", config)
	return f
}

func (f *conformanceFiles) write(name string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *conformanceFiles) path(name string) string { return filepath.Join(f.dir, name) }

func (f *conformanceFiles) sign(args ...string) error {
	return f.client.run(f.t.Context(), "sign-bundle", append([]string{
		"--identity-token", f.token, "--bundle", f.path("bundle"), "--trusted-root", f.path("root"), "--signing-config", f.path("config"),
	}, args...))
}

func (f *conformanceFiles) verify(san, issuer, trustedRoot, target string) error {
	return f.client.run(f.t.Context(), "verify-bundle", []string{
		"--bundle", f.path("bundle"), "--certificate-identity", san, "--certificate-oidc-issuer", issuer,
		"--trusted-root", f.path(trustedRoot), target,
	})
}

// TestConformanceClient: what the client has signed it accepts, and for nobody and nothing
// else.
func TestConformanceClient(t *testing.T) {
	t.Parallel()
	version1 := signingConfig(service(rekorURL, 1), "", "ANY")
	version2 := signingConfig(service(rekor2URL, 2), service(tsaURL, 1), "ANY")
	jane := map[string]any{"iss": identity.Issuer, "aud": "sigstore", "email": "jane@example.com", "email_verified": true}
	for name, c := range map[string]struct {
		config  []byte
		claims  map[string]any
		san     string
		args    []string
		content string // the field of the bundle
	}{
		"statement, version 1":  {version1, claims(nil), identity.SAN, []string{"--in-toto"}, "dsseEnvelope"},
		"statement, version 2":  {version2, claims(nil), identity.SAN, []string{"--in-toto"}, "dsseEnvelope"},
		"file, version 1":       {version1, claims(nil), identity.SAN, nil, "messageSignature"},
		"file, version 2":       {version2, claims(nil), identity.SAN, nil, "messageSignature"},
		"statement of a person": {version2, jane, "jane@example.com", []string{"--in-toto"}, "dsseEnvelope"},
		"file of a person":      {version1, jane, "jane@example.com", nil, "messageSignature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newConformance(t, c.config, c.claims)
			signed := "artifact"
			if len(c.args) > 0 {
				signed = "statement"
			}
			if err := f.sign(append(c.args, f.path(signed))...); err != nil {
				t.Fatal(err)
			}
			f.checkBundle(c.content)
			f.checkVerify(c.san)
		})
	}
}

// checkBundle holds what the suite looks at in a bundle.
func (f *conformanceFiles) checkBundle(content string) {
	f.t.Helper()
	encoded, err := os.ReadFile(f.path("bundle"))
	if err != nil {
		f.t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal(encoded, &b); err != nil {
		f.t.Fatal(err)
	}
	_, envelope := b["dsseEnvelope"]
	_, message := b["messageSignature"]
	if b[content] == nil || envelope == message {
		f.t.Errorf("the bundle has not just %s: %s", content, encoded)
	}
	if envelope {
		statement, err := os.ReadFile(f.path("statement"))
		if err != nil {
			f.t.Fatal(err)
		}
		var same bool
		rewrite(envelopeAt+".payload", inBase64(func(p []byte) []byte { same = bytes.Equal(p, statement); return p }))(b, nil)
		if !same {
			f.t.Error("the payload is not the statement byte for byte")
		}
	}
}

func (f *conformanceFiles) checkVerify(san string) {
	f.t.Helper()
	digest := "sha256:" + f.digest
	for _, target := range []string{f.path("artifact"), digest} {
		if err := f.verify(san, identity.Issuer, "root", target); err != nil {
			f.t.Errorf("%s: %v", target, err)
		}
	}
	for name, c := range map[string]struct{ san, issuer, root, target, words string }{
		"other identity":     {san + "2", identity.Issuer, "root", digest, "expected SAN value"},
		"no identity":        {"", identity.Issuer, "root", digest, "subject alternative name criteria"},
		"other issuer":       {san, "https://token.example.com", "root", digest, "expected issuer value"},
		"no issuer":          {san, "", "root", digest, "Issuer criteria"},
		"other file":         {san, identity.Issuer, "root", f.path("other"), "failed to verify signature"},
		"other digest":       {san, identity.Issuer, "root", "sha256:" + strings.Repeat("a", 64), "failed to verify signature"},
		"short digest":       {san, identity.Issuer, "root", digest[:70], "no such file"},
		"other trust root":   {san, identity.Issuer, "other-root", digest, "not enough verified log entries"},
		"no file for a root": {san, identity.Issuer, "artifact", digest, "not a Sigstore trusted root"},
	} {
		if err := f.verify(c.san, c.issuer, c.root, c.target); err == nil || !strings.Contains(err.Error(), c.words) {
			f.t.Errorf("%s: got %v, want a refusal with %q", name, err, c.words)
		}
	}
}

// TestConformanceCalls: what the client does not do, it says.
func TestConformanceCalls(t *testing.T) {
	t.Parallel()
	for words, args := range map[string][]string{
		"--key is not supported": {"--bundle", "b", "--key", "key.pub", "artifact"},
		"one file or digest":     {"--bundle", "b"},
		"flag provided but not":  {"--bundle", "b", "--identity", "x", "artifact"},
		"want --bundle and":      {"artifact"},
		"no such file":           {"--bundle", filepath.Join(t.TempDir(), "b"), "artifact"},
	} {
		for _, command := range []string{"sign-bundle", "verify-bundle"} {
			if err := (conformance{}).run(t.Context(), command, args); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s %v: got %v, want %q", command, args, err, words)
			}
		}
	}
}
