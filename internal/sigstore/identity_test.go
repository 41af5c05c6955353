package sigstore_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

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
			got, _, err := check(t.Context(), newSigner(t, options(t, i, token(t, claims(c.changes)))))
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

// faults: F07
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
			_, _, err := check(t.Context(), newSigner(t, options(t, i, c.token)))
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
			_, _, err := check(t.Context(), newSigner(t, o))
			if c.golden != "" {
				goldenProblem(t, c.golden, err)
			} else if err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}
