package registry

import (
	"crypto/subtle"
	"net/http"
)

// An Account may pull, and push if Push is set.
type Account struct {
	Username, Password string
	Push               bool
}

type accounts []Account

// of is the account whose name and password a request has.
func (as accounts) of(r *http.Request) (Account, bool) {
	username, password, _ := r.BasicAuth()
	for _, account := range as {
		if account.Username == username &&
			subtle.ConstantTimeCompare([]byte(account.Password), []byte(password)) == 1 {
			return account, true
		}
	}
	return Account{}, false
}

// A BasicLogin lets only who sends a name and a password with every request reach a registry.
//
// https://www.rfc-editor.org/rfc/rfc7617
type BasicLogin struct {
	registry http.Handler
	accounts accounts
}

// NewBasicLogin puts a login before a registry.
func NewBasicLogin(registry http.Handler, accounts ...Account) *BasicLogin {
	return &BasicLogin{registry, accounts}
}

func (l *BasicLogin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account, ok := l.accounts.of(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
		unauthorized().write(w)
		return
	}
	if !readOnly(r) && !account.Push {
		mayNotPush().write(w)
		return
	}
	l.registry.ServeHTTP(w, r)
}

func unauthorized() *refusal {
	return &refusal{http.StatusUnauthorized, "UNAUTHORIZED", "authentication required"}
}

func mayNotPush() *refusal {
	return &refusal{http.StatusForbidden, "DENIED", "this account may not push"}
}
