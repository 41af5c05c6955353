package oidc

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

const (
	tokenPath       = "/_apis/idtoken"
	defaultAudience = "https://github.com/acme" // GitHub's: the URL of the repository's owner
	claimPrefix     = "claim."
)

// RequestURL is ACTIONS_ID_TOKEN_REQUEST_URL for a token endpoint served at base. It has a
// query already, as GitHub's has: clients append "&audience=".
func RequestURL(base string) string { return base + tokenPath + "?api-version=2.0" }

// Tokens serves the token endpoint to who knows the bearer. A parameter claim.NAME=VALUE
// overrides one claim of the token.
func (i *Issuer) Tokens(bearer string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if !authorized(r, bearer) {
			writeJSON(w, http.StatusUnauthorized, map[string]string{"message": "the request token is not valid"})
			return
		}
		i.serveToken(w, r)
	})
	return mux
}

func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	audience, overrides := defaultAudience, map[string]any{}
	for key, values := range r.URL.Query() {
		if key == "audience" {
			audience = values[0]
		}
		if claim, ok := strings.CutPrefix(key, claimPrefix); ok {
			overrides[claim] = values[0]
		}
	}
	token, err := i.Token(audience, overrides)
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"count": len(token), "value": token})
}

func authorized(r *http.Request, bearer string) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(bearer)) == 1
}
