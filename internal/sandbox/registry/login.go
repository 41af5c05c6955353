package registry

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	tokenPath     = "/token"
	tokenLifetime = 5 * time.Minute
)

// A Login lets only who holds a token reach a registry. The token is handed out for a name and
// a password, and is good for what it was asked for, as the distribution project's token
// authentication has it.
//
// https://distribution.github.io/distribution/spec/auth/token/
type Login struct {
	registry http.Handler
	accounts accounts

	mu     sync.Mutex
	tokens map[string]grant
}

type grant struct {
	scopes  []scope
	expires time.Time
}

// NewLogin puts a login before a registry.
func NewLogin(registry http.Handler, accounts ...Account) *Login {
	return &Login{registry: registry, accounts: accounts, tokens: map[string]grant{}}
}

func (l *Login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == tokenPath {
		l.serveToken(w, r)
		return
	}
	granted, ok := l.granted(r)
	switch {
	case r.Header.Get("Authorization") == "":
		challenge(w, r, "")
	case !ok:
		challenge(w, r, `,error="invalid_token"`)
	case !neededScope(r).isIn(granted.scopes):
		challenge(w, r, `,error="insufficient_scope"`)
	default:
		l.registry.ServeHTTP(w, r)
	}
}

func (l *Login) serveToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	account, ok := l.accounts.of(r)
	if !ok {
		(&refusal{http.StatusUnauthorized, "UNAUTHORIZED", "wrong name or password"}).write(w)
		return
	}
	scopes := parseScopes(r.URL.Query()["scope"])
	// Like ghcr.io: who asks for more than the account may gets nothing, and not less.
	if !account.Push && slices.ContainsFunc(scopes, func(s scope) bool { return slices.Contains(s.actions, push) }) {
		mayNotPush().write(w)
		return
	}
	token, now := rand.Text(), time.Now()
	l.mu.Lock()
	l.tokens[token] = grant{scopes: scopes, expires: now.Add(tokenLifetime)}
	l.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have gone
		"token":      token,
		"expires_in": int(tokenLifetime.Seconds()),
		"issued_at":  now.UTC().Format(time.RFC3339),
	})
}

func (l *Login) granted(r *http.Request) (grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.tokens[token]
	return found, ok && strings.EqualFold(scheme, "bearer") && time.Now().Before(found.expires)
}

// challenge says where to get a token, what to ask for, and what is wrong with the one that was
// sent. The realm is on the host that was asked: clients send a password to no other private
// address.
func challenge(w http.ResponseWriter, r *http.Request, wrong string) {
	header := fmt.Sprintf(`Bearer realm="http://%s%s",service="%s"`, r.Host, tokenPath, r.Host)
	if needed := neededScope(r); needed.repository != "" {
		header += fmt.Sprintf(`,scope="%s"`, needed)
	}
	w.Header().Set("WWW-Authenticate", header+wrong)
	unauthorized().write(w)
}
