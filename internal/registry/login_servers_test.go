package registry_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
)

// basic asks for a name and a password; what is refused after that is answered with status.
type basic struct {
	next    http.Handler
	refuse  func(*http.Request) bool
	refusal int
}

func (b basic) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name, pass, _ := req.BasicAuth()
	switch {
	case name != username || pass != password:
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
	case b.refuse != nil && b.refuse(req):
		w.WriteHeader(b.refusal)
	default:
		b.next.ServeHTTP(w, req)
	}
}

// bearer gives a token to those who know the password, and asks for it.
type bearer struct {
	next     http.Handler
	readOnly bool // the token does not let push
}

func (b bearer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/token" {
		if name, pass, ok := req.BasicAuth(); ok && (name != username || pass != password) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"token":"of-the-robot"}`)
		return
	}
	read := req.Method == http.MethodGet || req.Method == http.MethodHead
	if req.Header.Get("Authorization") != "Bearer of-the-robot" || (b.readOnly && !read) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://`+req.Host+`/token",service="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	b.next.ServeHTTP(w, req)
}

func isWrite(req *http.Request) bool {
	return req.Method != http.MethodGet && req.Method != http.MethodHead
}

func everything(*http.Request) bool { return true }

// guarded asks for the password of one registry, at once or at its token server.
func guarded(next http.Handler, bearer bool, username, password string) http.Handler {
	return before(next, func(w http.ResponseWriter, req *http.Request) bool {
		name, pass, hasBasic := req.BasicAuth()
		right := hasBasic && name == username && pass == password
		switch {
		case bearer && req.URL.Path == "/token" && (right || password == "" && !hasBasic):
			fmt.Fprintf(w, `{"token":"token-of-%s"}`, req.Host)
		case bearer && req.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
		case bearer && req.Header.Get("Authorization") != "Bearer token-of-"+req.Host:
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://`+req.Host+`/token",service="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		case !bearer && !right:
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			return false
		}
		return true
	})
}

// byHost is a network with several registries.
type byHost map[string]http.Handler

func (n byHost) RoundTrip(req *http.Request) (*http.Response, error) {
	handler, ok := n[req.URL.Host]
	if !ok {
		return nil, fmt.Errorf("there is no host %s", req.URL.Host)
	}
	return inProcess{handler}.RoundTrip(req)
}

// authorizations are the credentials that a registry has seen, each once.
func authorizations(r *recorder) (out []string) {
	for _, req := range r.requests {
		out = append(out, req.Header.Get("Authorization"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func basicAuth(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// refresh is a registry whose token server takes identity tokens, as Azure's.
type refresh struct {
	next  http.Handler
	token string
	write bool // whether its tokens let push
	read  bool // or read
	seen  []string
}

func (r *refresh) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.URL.Path == "/token":
		r.seen = append(r.seen, req.FormValue("grant_type"), req.FormValue("refresh_token"), req.Header.Get("Authorization"))
		if req.FormValue("refresh_token") != r.token {
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "unknown token")
			return
		}
		fmt.Fprint(w, `{"access_token":"fresh"}`)
	case req.Header.Get("Authorization") != "Bearer fresh":
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://`+req.Host+`/token",service="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
	case req.URL.Path != "/v2/" && (isWrite(req) && !r.write || !isWrite(req) && !r.read):
		w.WriteHeader(http.StatusForbidden)
	default:
		r.next.ServeHTTP(w, req)
	}
}
