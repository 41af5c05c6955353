// Package oidc is GitHub's OIDC issuer for Actions, and the endpoint where a job gets its token.
//
// It speaks in the name of the real issuer, so that certificates and policies read as in
// production. Only this process believes it: see [Issuer.Impersonate].
package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// URL is the issuer, the claim "iss" of every token.
const URL = "https://" + host

const (
	host     = "token.actions.githubusercontent.com"
	jwksPath = "/.well-known/jwks"
	lifetime = 5 * time.Minute // GitHub's
	skew     = 10 * time.Minute
	keyBits  = 2048
	keyID    = "sandbox"
)

// An Issuer signs tokens with a key of its own.
type Issuer struct {
	signer jose.Signer
	keys   jose.JSONWebKeySet
}

// New makes an issuer with a new key.
func New() (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("generate issuer key: %w", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("make token signer: %w", err)
	}
	public := jose.JSONWebKey{Key: key.Public(), KeyID: keyID, Algorithm: string(jose.RS256), Use: "sig"}
	return &Issuer{signer: signer, keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}}, nil
}

// Token signs the claims of a job for an audience; overrides win over every other claim.
func (i *Issuer) Token(audience string, overrides map[string]any) (string, error) {
	now := time.Now()
	claims := jobClaims()
	maps.Copy(claims, map[string]any{
		"iss": URL,
		"aud": audience,
		"jti": rand.Text(),
		"iat": now.Unix(),
		"nbf": now.Add(-skew).Unix(),
		"exp": now.Add(lifetime).Unix(),
	})
	maps.Copy(claims, overrides)
	token, err := jwt.Signed(i.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// Discovery serves what a relying party reads: the discovery document and the keys.
func (i *Issuer) Discovery() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                                URL,
			"jwks_uri":                              URL + jwksPath,
			"subject_types_supported":               []string{"public", "pairwise"},
			"response_types_supported":              []string{"id_token"},
			"id_token_signing_alg_values_supported": []string{string(jose.RS256)},
			"scopes_supported":                      []string{"openid"},
		})
	})
	mux.HandleFunc("GET "+jwksPath, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, i.keys)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
