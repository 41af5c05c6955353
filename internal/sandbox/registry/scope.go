package registry

import (
	"net/http"
	"slices"
	"strings"
)

// A scope is what a token is for: actions in a repository.
//
// https://distribution.github.io/distribution/spec/auth/scope/
type scope struct {
	repository string
	actions    []string
}

const (
	pull = "pull"
	push = "push"
)

// parseScopes reads the scopes that a token is asked for: in parameters of their own, or with
// spaces between them. What is no repository is left out, there is nothing else to allow.
func parseScopes(parameters []string) []scope {
	var scopes []scope
	for text := range strings.FieldsSeq(strings.Join(parameters, " ")) {
		parts := strings.Split(text, ":")
		if len(parts) == 3 && parts[0] == "repository" {
			scopes = append(scopes, scope{parts[1], strings.Split(parts[2], ",")})
		}
	}
	return scopes
}

// neededScope is what a request needs; outside a repository it is nothing but a token.
func neededScope(r *http.Request) scope {
	at := parsePath(r.URL.Path)
	if at.kind == "uploads" {
		at.repository = strings.TrimSuffix(at.repository, "/blobs")
	}
	if readOnly(r) {
		return scope{at.repository, []string{pull}}
	}
	return scope{at.repository, []string{pull, push}}
}

// isIn reports whether scopes allow all that s asks for, in whatever number of parts.
func (s scope) isIn(scopes []scope) bool {
	var allowed []string
	for _, other := range scopes {
		if other.repository == s.repository {
			allowed = append(allowed, other.actions...)
		}
	}
	missing := func(action string) bool { return !slices.Contains(allowed, action) }
	return s.repository == "" || !slices.ContainsFunc(s.actions, missing)
}

func (s scope) String() string {
	return "repository:" + s.repository + ":" + strings.Join(s.actions, ",")
}
