package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/oidc"
)

const bearer = "request-token"

func newIssuer(t *testing.T) *oidc.Issuer {
	t.Helper()
	issuer, err := oidc.New()
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// get decodes the answer's JSON into v and returns its status.
func get(t *testing.T, h http.Handler, target, authorization string, v any) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return w.Code
}

func TestTokens(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	for name, test := range map[string]struct {
		query string
		want  map[string]any // among the claims
	}{
		"job": {"&audience=sigstore", map[string]any{
			"iss": "https://token.actions.githubusercontent.com", "aud": "sigstore",
			"repository": "acme/demo", "repository_visibility": "public", "run_id": "1658821493",
			"job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/heads/main",
		}},
		"default audience": {"", map[string]any{"aud": "https://github.com/acme"}},
		"claims overridden": {"&audience=sigstore&claim.repository=acme/other&claim.iss=https://evil.example", map[string]any{
			"iss": "https://evil.example", "aud": "sigstore", "repository": "acme/other", "event_name": "push",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answer struct {
				Count int    `json:"count"`
				Value string `json:"value"`
			}
			status := get(t, issuer.Tokens(bearer), oidc.RequestURL("")+test.query, "bearer "+bearer, &answer)
			if status != http.StatusOK || answer.Count != len(answer.Value) {
				t.Fatalf("answer %d %+v", status, answer)
			}
			claims := verify(t, issuer, answer.Value)
			got := map[string]any{}
			for name := range test.want {
				got[name] = claims[name]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if left := time.Until(time.Unix(int64(claims["exp"].(float64)), 0)); left > 5*time.Minute || left < 4*time.Minute {
				t.Errorf("the token lives %s more, want about 5 minutes", left)
			}
		})
	}
}

// verify checks a token with the published key.
func verify(t *testing.T, issuer *oidc.Issuer, token string) map[string]any {
	t.Helper()
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	get(t, issuer.Discovery(), "/.well-known/openid-configuration", "", &discovery)
	if discovery.Issuer != oidc.URL {
		t.Errorf("discovery is of %q", discovery.Issuer)
	}
	var keys jose.JSONWebKeySet
	get(t, issuer.Discovery(), discovery.Keys, "", &keys)
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := parsed.Claims(keys, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestTokensRefused(t *testing.T) {
	t.Parallel()
	tokens := newIssuer(t).Tokens(bearer)
	for name, authorization := range map[string]string{
		"no token":     "",
		"wrong token":  "bearer x" + bearer,
		"wrong scheme": "basic " + bearer,
		"no scheme":    bearer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answer map[string]any
			if status := get(t, tokens, oidc.RequestURL(""), authorization, &answer); status != http.StatusUnauthorized {
				t.Errorf("status %d, want 401", status)
			}
			if answer["value"] != nil {
				t.Error("got a token")
			}
		})
	}
}
