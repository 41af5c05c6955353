//go:build matrix

package matrix_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/suite"
)

// TestConformance calls the client of sigstore-conformance that is made of our packages,
// by its protocol, and has cosign verify what it has signed, with either log.
//
// Protocol: https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md
func TestConformance(t *testing.T) {
	b := newTrustBench(t)
	client := filepath.Join(b.dir, "conformance-client")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", client, "./internal/sigstore")
	build.Dir = root
	if words, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, words)
	}
	artifact, other := filepath.Join(b.dir, "artifact"), filepath.Join(b.dir, "other")
	for file, content := range map[string]string{artifact: "hello, world", other: "hello, moon"} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	statement := filepath.Join(b.dir, "statement.json")
	const digest = "09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b" // of artifact
	if err := os.WriteFile(statement, fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"artifact","digest":{"sha256":%q}}],"predicateType":"https://example.com/p","predicate":{}}`, digest), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, l := range ledgers {
		bundle := filepath.Join(b.dir, l.target)
		call := func(args ...string) error {
			words, err := exec.CommandContext(t.Context(), client, args...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", args[0], err, words)
			}
			return nil
		}
		if err := call("sign-bundle", "--in-toto", "--identity-token", b.identityToken(t), "--bundle", bundle,
			"--trusted-root", b.job.TrustedRoot, "--signing-config", l.signingConfig(b.job), statement); err != nil {
			t.Fatal(err)
		}
		verify := func(identity, trustedRoot, of string) error {
			return call("verify-bundle", "--bundle", bundle, "--certificate-identity", identity, "--certificate-oidc-issuer", b.job.Issuer, "--trusted-root", trustedRoot, of)
		}
		for _, of := range []string{artifact, "sha256:" + digest} {
			if err := verify(signer, b.job.TrustedRoot, of); err != nil {
				t.Errorf("%s: %v", l.name, err)
			}
		}
		for what, err := range map[string]error{
			"another identity":     verify(stranger, b.job.TrustedRoot, artifact),
			"another artifact":     verify(signer, b.job.TrustedRoot, other),
			"a root without logs":  verify(signer, b.roots["tlogs"], artifact),
			"a root without CT":    verify(signer, b.roots["ctlogs"], artifact),
			"another digest":       verify(signer, b.job.TrustedRoot, "sha256:"+strings.Repeat("0", 64)),
			"an identity's prefix": verify(strings.TrimSuffix(signer, "n"), b.job.TrustedRoot, artifact),
		} {
			if err == nil {
				t.Errorf("%s: %s is accepted", l.name, what)
			}
		}
		if _, words, err := b.cosigns["3.1.3"].run(t.Context(), "verify-blob-attestation", "--bundle", bundle, "--trusted-root", b.job.TrustedRoot, "--type", "https://example.com/p",
			"--certificate-identity", signer, "--certificate-oidc-issuer", b.job.Issuer, artifact); err != nil {
			t.Errorf("%s: cosign refuses: %v\n%s", l.name, err, words)
		}
	}
}

// identityToken is what the job's token endpoint gives.
func (b *trustBench) identityToken(t *testing.T) string {
	t.Helper()
	req := suite.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, b.job.IDTokenRequestURL+"&audience=sigstore", nil))(t)
	req.Header.Set("Authorization", "bearer "+b.job.IDTokenRequestToken)
	resp := suite.Must(http.DefaultClient.Do(req))(t)
	defer resp.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Value
}
