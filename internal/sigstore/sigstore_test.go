package sigstore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// options sign with the URLs of an instance.
func options(t *testing.T, i *instance, token string) sigstore.Options {
	t.Helper()
	return sigstore.Options{
		Instance:  sigstore.Instance{FulcioURL: fulcioURL, RekorURL: rekorURL, TrustedRoot: i.trustedRoot(t)},
		Audience:  "sigstore",
		Token:     func(context.Context, string) (secret.String, error) { return secret.New(token), nil },
		Transport: i.network,
		Job:       sigstore.Job{ServerURL: "https://github.com"},
	}
}

func newSigner(t *testing.T, o sigstore.Options) *sigstore.Signer {
	t.Helper()
	s, err := sigstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// statements are a signature and an attestation about one image.
func statements(t *testing.T, digit string) []*attest.Statement {
	t.Helper()
	ref, err := name.NewDigest("registry.example.com/acme/app@sha256:" + strings.Repeat(digit, 64))
	if err != nil {
		t.Fatal(err)
	}
	about := attest.Manifest{Ref: ref}
	subject := &attest.Subject{Manifest: about, Images: []attest.Image{{Manifest: about}}, Platforms: 1}
	all, err := attest.Statements(subject, []*attest.SBOM{{Image: subject.Images[0], Document: []byte(`{"spdxVersion":"SPDX-2.3"}`)}}, true)
	if err != nil {
		t.Fatal(err)
	}
	return all
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

var identity = attest.Identity{
	SAN:        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
	Issuer:     "https://token.actions.githubusercontent.com",
	Repository: "acme/app", RepositoryURI: "https://github.com/acme/app",
	Ref: "refs/heads/main", SHA: "1111111111111111111111111111111111111111",
}

func TestCheck(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	for name, c := range map[string]struct {
		changes map[string]any
		want    attest.Identity
	}{
		"audience as a string": {nil, identity},
		"audience as a list":   {map[string]any{"aud": []string{"other", "sigstore"}}, identity},
		"reusable workflow": {map[string]any{"job_workflow_ref": "acme/shared/.github/workflows/publish.yml@v1"}, func() attest.Identity {
			id := identity
			id.SAN = "https://github.com/acme/shared/.github/workflows/publish.yml@v1"
			return id
		}()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newSigner(t, options(t, i, token(t, claims(c.changes)))).Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
	if len(i.requests) > 0 {
		t.Errorf("a check made requests: %v", i.requests)
	}
}

func TestCheckRefusesToken(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	payload := func(s string) string { return "e30." + base64.RawURLEncoding.EncodeToString([]byte(s)) + ".c2ln" }
	for name, c := range map[string]struct{ golden, token string }{
		"other audience":       {"token-audience", token(t, claims(map[string]any{"aud": "https://github.com/acme"}))},
		"other audiences":      {"token-audiences", token(t, claims(map[string]any{"aud": []string{"a", "b"}}))},
		"no audience":          {"token-no-audience", token(t, claims(map[string]any{"aud": nil}))},
		"not a JWT":            {"token-not-jwt", "ghs_0123456789abcdef"},
		"two parts":            {"token-not-jwt", "e30.e30"},
		"empty":                {"token-not-jwt", ""},
		"payload not base64":   {"token-not-base64", "e30.sec!ret.c2ln"},
		"payload not JSON":     {"token-not-json", payload("hunter2-hunter2")},
		"audience is a number": {"token-not-json", payload(`{"aud":17,"iss":"hunter2-hunter2"}`)},
		"no issuer":            {"token-claims", token(t, claims(map[string]any{"iss": nil}))},
		"no repository":        {"token-claims", token(t, claims(map[string]any{"repository": nil}))},
		"no workflow":          {"token-claims", token(t, claims(map[string]any{"job_workflow_ref": nil}))},
		"no ref":               {"token-claims", token(t, claims(map[string]any{"ref": nil}))},
		"no commit":            {"token-claims", token(t, claims(map[string]any{"sha": nil}))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newSigner(t, options(t, i, c.token)).Check(t.Context())
			goldenProblem(t, c.golden, err)
			said := fmt.Sprintf("%v %+v %#v", err, problem.From(err), problem.From(err).Err)
			for part := range strings.SplitSeq(c.token, ".") {
				if len(part) > 3 && strings.Contains(said, part) {
					t.Errorf("the error quotes the token: %s", said)
				}
			}
			if strings.Contains(said, "hunter2") {
				t.Errorf("the error quotes the token: %s", said)
			}
		})
	}
}

func TestGuardPrivate(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	const publicFulcio, publicRekor = "https://fulcio.sigstore.dev", "https://rekor.sigstore.dev"
	for name, c := range map[string]struct {
		claim, event  string // visibility
		fulcio, rekor string
		allowed       bool
		golden        string // empty: passes
	}{
		"public":                          {claim: "public", fulcio: publicFulcio, rekor: publicRekor},
		"claim wins over a private event": {claim: "public", event: "private", fulcio: publicFulcio, rekor: publicRekor},
		"claim wins over a public event":  {claim: "private", event: "public", fulcio: publicFulcio, rekor: publicRekor, golden: "private"},
		"private":                         {claim: "private", fulcio: publicFulcio, rekor: publicRekor, golden: "private"},
		"internal":                        {claim: "internal", fulcio: publicFulcio, rekor: publicRekor, golden: "internal"},
		"unknown":                         {fulcio: publicFulcio, rekor: publicRekor, golden: "unknown-visibility"},
		"event public":                    {event: "public", fulcio: publicFulcio, rekor: publicRekor},
		"event private":                   {event: "private", fulcio: publicFulcio, rekor: publicRekor, golden: "private"},
		"private, allowed":                {claim: "private", fulcio: publicFulcio, rekor: publicRekor, allowed: true},
		"unknown, allowed":                {fulcio: publicFulcio, rekor: publicRekor, allowed: true},
		"private, own services":           {claim: "private", fulcio: fulcioURL, rekor: rekorURL},
		"unknown, own services":           {fulcio: fulcioURL, rekor: rekorURL},
		"private, Fulcio is public":       {claim: "private", fulcio: publicFulcio, rekor: rekorURL, golden: "private"},
		"private, Rekor is public":        {claim: "private", fulcio: fulcioURL, rekor: publicRekor, golden: "private"},
		"private, staging":                {claim: "private", fulcio: "https://fulcio.sigstage.dev", rekor: rekorURL},
		"private, public shard":           {claim: "private", fulcio: fulcioURL, rekor: "https://LOG2025-1.rekor.sigstore.dev.", golden: "private"},
		"private, name that ends alike":   {claim: "private", fulcio: "https://fulcio.notsigstore.dev", rekor: rekorURL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var claim any // nil: none
			if c.claim != "" {
				claim = c.claim
			}
			o := options(t, i, token(t, claims(map[string]any{"repository_visibility": claim})))
			o.Instance.FulcioURL, o.Instance.RekorURL = c.fulcio, c.rekor
			o.Job.Visibility, o.Job.PrivateIsPublic = c.event, c.allowed
			_, err := newSigner(t, o).Check(t.Context())
			if c.golden != "" {
				goldenProblem(t, c.golden, err)
			} else if err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
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

func TestServicesFromSigningConfig(t *testing.T) {
	t.Parallel()
	const tsa2URL = "http://tsa2.example.com/api/v1/timestamp"
	both := service("http://rekor2.example.com", 2) + "," + service(rekorURL, 1)
	other := strings.ReplaceAll(service(tsa2URL, 1), "example.com\",\"validFor", "example.org\",\"validFor")
	two := service(tsaURL, 1) + "," + other
	for name, c := range map[string]struct {
		rekor, tsa, selector string
		want                 map[string]int // requests by host, for one statement
	}{
		"Rekor 1 of 1 and 2":         {both, "", "ALL", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1}},
		"all timestamp authorities":  {both, two, "ALL", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "tsa.example.com": 1, "tsa2.example.com": 1}},
		"the only timestamp":         {both, service(tsaURL, 1), "ANY", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "tsa.example.com": 1}},
		"any timestamp of authority": {both, two, "ANY", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "some tsa": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			o := options(t, i, token(t, claims(nil)))
			o.Instance = sigstore.Instance{TrustedRoot: i.trustedRoot(t), SigningConfig: signingConfig(c.rekor, c.tsa, c.selector)}
			_, err := newSigner(t, o).Sign(t.Context(), statements(t, "a")[:1])
			if name == "all timestamp authorities" {
				// Both are the same authority here, and a verifier wants one of each.
				goldenProblem(t, "timestamps-of-one", err)
			} else if err != nil {
				t.Fatal(err)
			}
			if c.want["some tsa"] > 0 {
				i.requests["some tsa"] = i.requests["tsa.example.com"] + i.requests["tsa2.example.com"]
				delete(i.requests, "tsa.example.com")
				delete(i.requests, "tsa2.example.com")
			}
			if diff := cmp.Diff(c.want, i.requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	good := i.trustedRoot(t)
	for name, c := range map[string]struct {
		golden string
		in     sigstore.Instance
	}{
		"trusted root":          {"bad-trusted-root", sigstore.Instance{TrustedRoot: []byte(`{"mediaType":"application/json"}`)}},
		"signing config":        {"bad-signing-config", sigstore.Instance{TrustedRoot: good, SigningConfig: []byte(`{"mediaType":"application/json"}`)}},
		"signing config, no CA": {"signing-config-no-fulcio", sigstore.Instance{TrustedRoot: good, SigningConfig: []byte(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`)}},
		"several logs": {"signing-config-two-logs", sigstore.Instance{TrustedRoot: good, SigningConfig: []byte(strings.Replace(string(signingConfig(
			service(rekorURL, 1)+","+strings.Replace(service("http://rekor3.example.com", 1), `"example.com"`, `"example.org"`, 1), "", "ALL")), `"ANY"`, `"ALL"`, 1))}},
		"too few authorities": {"signing-config-few-tsa", sigstore.Instance{TrustedRoot: good, SigningConfig: signingConfig(service(rekorURL, 1), service(tsaURL, 2), "ALL")}},
		"Rekor 2 alone":       {"signing-config-rekor-2", sigstore.Instance{TrustedRoot: good, SigningConfig: signingConfig(service("http://rekor2.example.com", 2), "", "ALL")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, i, token(t, claims(nil)))
			o.Instance = c.in
			s, err := sigstore.New(o)
			if err == nil {
				_, err = s.Check(t.Context())
			}
			goldenProblem(t, c.golden, err)
		})
	}
	for name, in := range map[string]sigstore.Instance{
		"trusted root is not JSON":   {TrustedRoot: []byte("{")},
		"signing config is not JSON": {TrustedRoot: good, SigningConfig: []byte("{")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sigstore.New(sigstore.Options{Instance: in})
			if problem.From(err) == nil || problem.From(err).Code != problem.InputInvalid {
				t.Errorf("got %v", err)
			}
		})
	}
}

// No file and no answer: the advice names the TUF repository.
func TestTrustRootUnavailable(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	o.Instance = sigstore.Instance{FulcioURL: fulcioURL, RekorURL: rekorURL, TUFURL: "http://tuf.example.com"}
	_, err := newSigner(t, o).Check(t.Context())
	goldenProblem(t, "trust-root", err)
	for host := range i.requests {
		if host != "tuf.example.com" {
			t.Errorf("%s was asked", host)
		}
	}
}
