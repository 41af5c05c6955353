package oidc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	runtimeURL      = "https://vstoken.actions.githubusercontent.com"
	runtimeLifetime = 6 * time.Hour // of a job
)

// RuntimeToken signs the token by which a job speaks with the services of its run. On GitHub
// it is also the one that the token endpoint takes.
func (i *Issuer) RuntimeToken(scopes ...string) (string, error) {
	now := time.Now()
	return i.Token(runtimeURL, map[string]any{
		"iss": runtimeURL,
		"exp": now.Add(runtimeLifetime).Unix(),
		"scp": strings.Join(scopes, " "),
	})
}

// Scopes verifies a runtime token and returns its scopes.
func (i *Issuer) Scopes(token string) ([]string, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("parse token: %w", err)
	}
	var claims struct {
		jwt.Claims
		Scopes string `json:"scp"`
	}
	if err := parsed.Claims(i.keys.Keys[0].Key, &claims); err != nil {
		return nil, fmt.Errorf("verify token: %w", err)
	}
	if err := claims.Validate(jwt.Expected{Issuer: runtimeURL, Time: time.Now()}); err != nil {
		return nil, fmt.Errorf("check token: %w", err)
	}
	if claims.Scopes == "" {
		return nil, errors.New("the token has no scopes")
	}
	return strings.Fields(claims.Scopes), nil
}
