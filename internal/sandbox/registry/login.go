package registry

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	tokenPath     = "/token"
	tokenLifetime = 5 * time.Minute
)

// An Account may pull, and push if Push is set.
type Account struct {
	Username, Password string
	Push               bool
}

// A Login lets only who holds a token reach a registry. The token is handed out for a name and
// a password, as the distribution project's token authentication has it.
//
// https://distribution.github.io/distribution/spec/auth/token/
type Login struct {
	registry http.Handler
	accounts []Account

	mu     sync.Mutex
	tokens map[string]grant
}

type grant struct {
	push    bool
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
	if !ok {
		challenge(w, r)
		return
	}
	if !readOnly(r) && !granted.push {
		(&refusal{http.StatusForbidden, "DENIED", "this account may not push"}).write(w)
		return
	}
	l.registry.ServeHTTP(w, r)
}

func (l *Login) serveToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	account, ok := l.account(r)
	if !ok {
		(&refusal{http.StatusUnauthorized, "UNAUTHORIZED", "wrong name or password"}).write(w)
		return
	}
	// Like ghcr.io: who asks for more than the account may gets nothing, and not less.
	if !account.Push && strings.Contains(r.URL.Query().Get("scope"), "push") {
		(&refusal{http.StatusForbidden, "DENIED", "this account may not push"}).write(w)
		return
	}
	token, now := rand.Text(), time.Now()
	l.mu.Lock()
	l.tokens[token] = grant{push: account.Push, expires: now.Add(tokenLifetime)}
	l.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have gone
		"token":      token,
		"expires_in": int(tokenLifetime.Seconds()),
		"issued_at":  now.UTC().Format(time.RFC3339),
	})
}

func (l *Login) account(r *http.Request) (Account, bool) {
	username, password, _ := r.BasicAuth()
	for _, account := range l.accounts {
		if account.Username == username &&
			subtle.ConstantTimeCompare([]byte(account.Password), []byte(password)) == 1 {
			return account, true
		}
	}
	return Account{}, false
}

func (l *Login) granted(r *http.Request) (grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.tokens[token]
	return found, ok && strings.EqualFold(scheme, "bearer") && time.Now().Before(found.expires)
}

// challenge says where to get a token. The realm is on the host that was asked: clients send a
// password to no other private address.
func challenge(w http.ResponseWriter, r *http.Request) {
	header := fmt.Sprintf(`Bearer realm="http://%s%s",service="%s"`, r.Host, tokenPath, r.Host)
	if at := parsePath(r.URL.Path); at.repository != "" {
		header += fmt.Sprintf(`,scope="repository:%s:%s"`, strings.TrimSuffix(at.repository, "/blobs"), actions(r))
	}
	w.Header().Set("WWW-Authenticate", header)
	(&refusal{http.StatusUnauthorized, "UNAUTHORIZED", "authentication required"}).write(w)
}

func actions(r *http.Request) string {
	if readOnly(r) {
		return "pull"
	}
	return "pull,push"
}

func readOnly(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}
