package sigstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
	"seal-image/internal/sigstore"
)

// claims are those of a job, with changes; a nil value removes a claim.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "aud": "sigstore", "sub": "repo:acme/app:ref:refs/heads/main",
		"repository": "acme/app", "repository_visibility": "public", "ref": "refs/heads/main",
		"sha":              "1111111111111111111111111111111111111111",
		"job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func token(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(payload) + ".c2lnbmF0dXJl"
}

var identity = attest.Identity{
	SAN:        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
	Issuer:     "https://token.actions.githubusercontent.com",
	Repository: "acme/app", RepositoryURI: "https://github.com/acme/app",
	Ref: "refs/heads/main", SHA: "1111111111111111111111111111111111111111",
}

// options sign with the URLs of an instance.
func options(t *testing.T, i *instance, token string) sigstore.Options {
	t.Helper()
	return sigstore.Options{
		Instance:  sigstore.Instance{FulcioURL: fulcioURL, RekorURL: rekorURL, TrustedRoot: file(i.trustedRoot(t))},
		Audience:  "sigstore",
		Token:     func(context.Context, string) (secret.String, error) { return secret.New(token), nil },
		Transport: i.network,
		Log:       slog.New(slog.DiscardHandler),
		Job:       sigstore.Job{ServerURL: "https://github.com"},
	}
}

func file(encoded []byte) sigstore.File { return sigstore.File{JSON: encoded} }

// withTimestamps are options that sign with a timestamp authority too.
func withTimestamps(o sigstore.Options) sigstore.Options {
	o.Instance.FulcioURL, o.Instance.RekorURL = "", ""
	o.Instance.SigningConfig = file(signingConfig(service(rekorURL, 1), service(tsaURL, 1), "ANY"))
	return o
}

func newSigner(t *testing.T, o sigstore.Options) *sigstore.Signer {
	t.Helper()
	s, err := sigstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check is Check, and what it leaves to Ready.
func check(ctx context.Context, s *sigstore.Signer) (attest.Identity, attest.SignatureFormat, error) {
	id, err := s.Check(ctx)
	if err != nil {
		return id, "", err
	}
	format, err := s.Ready(ctx)
	return id, format, err
}

// checked is a Signer that knows who it is.
func checked(t *testing.T, o sigstore.Options) *sigstore.Signer {
	t.Helper()
	s := newSigner(t, o)
	if _, _, err := check(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// about is an image with the digest of 64 times the same digit.
func about(t *testing.T, digit string) attest.Manifest {
	t.Helper()
	ref, err := name.NewDigest("registry.example.com/acme/app@sha256:" + strings.Repeat(digit, 64))
	if err != nil {
		t.Fatal(err)
	}
	return attest.Manifest{Ref: ref}
}

// statements are an attestation of an SBOM of so many bytes at least, a signature for new
// verifiers and one for old ones, about the image a.
func statements(t *testing.T, size int) []*attest.Statement {
	t.Helper()
	m := about(t, "a")
	subject := &attest.Subject{Manifest: m, Images: []attest.Image{{Manifest: m}}, Platforms: 1}
	doc := `{"spdxVersion":"SPDX-2.3","name":"<é> & x"}`
	doc += strings.Repeat(" ", max(0, size-len(doc)))
	sbom := &attest.SBOM{Image: subject.Images[0], Documents: []attest.Document{{Format: attest.SPDXJSON, Bytes: []byte(doc)}}}
	all, err := attest.Statements(subject, []*attest.SBOM{sbom}, attest.SignOptions{Attest: true, Format: attest.Both, Annotations: map[string]string{"team": "<platform>"}})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// three are the statements with a small SBOM.
func three(t *testing.T) []*attest.Statement {
	t.Helper()
	return statements(t, 0)
}

// goldenProblem compares what the user reads with a file of testdata; UPDATE=1 writes it.
func goldenProblem(t *testing.T, file string, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	p := problem.From(err)
	if p.Code == problem.Unexpected {
		t.Fatalf("an error without advice: %v", err)
	}
	got := strings.Join([]string{string(p.Code), p.What, p.Why, p.Fix}, "\n") + "\n"
	golden.Compare(t, file+".txt", got)
}

// logTo keeps the lines of the log without their time.
func logTo(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// service is an entry of a signing config.
func service(url string, version int) string {
	return fmt.Sprintf(`{"url":%q,"majorApiVersion":%d,"operator":"example.com","validFor":{"start":"2020-01-01T00:00:00Z"}}`, url, version)
}

// signingConfig offers Fulcio and the given logs and timestamp authorities.
func signingConfig(rekor, tsa, tsaSelector string) []byte {
	return fmt.Appendf(nil, `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":[%s],
		"rekorTlogUrls":[%s],"rekorTlogConfig":{"selector":"ANY"},"tsaUrls":[%s],"tsaConfig":{"selector":%q}}`,
		service(fulcioURL, 1), rekor, tsa, tsaSelector)
}
