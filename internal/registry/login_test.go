package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/registry"
	"seal-image/internal/secret"
)

const (
	username = "robot"
	password = "hunter2-hunter2"
)

// faults: F32 F33
func TestLogin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden   string // empty: no problem
		handler  http.Handler
		host     string
		username string
		password string
		push     bool // check push, not resolve
	}{
		"anonymous, none needed":     {handler: memory(false)},
		"basic":                      {handler: basic{next: memory(false)}, username: username, password: password},
		"bearer":                     {handler: bearer{next: memory(false)}, username: username, password: password},
		"basic, no credentials":      {golden: "login-none", handler: basic{next: memory(false)}},
		"basic, wrong password":      {golden: "login-wrong", handler: basic{next: memory(false)}, username: username, password: "wrong"},
		"bearer, wrong password":     {golden: "login-wrong", handler: bearer{next: memory(false)}, username: username, password: "wrong"},
		"push basic, none":           {golden: "login-none", handler: basic{next: memory(false)}, push: true},
		"push basic, wrong":          {golden: "login-wrong", handler: basic{next: memory(false)}, username: username, password: "wrong", push: true},
		"push bearer, wrong":         {golden: "login-wrong", handler: bearer{next: memory(false)}, username: username, password: "wrong", push: true},
		"push, 403":                  {golden: "denied", handler: basic{next: memory(false), refuse: isWrite, refusal: 403}, username: username, password: password, push: true},
		"push, 401 after login":      {golden: "denied", handler: bearer{next: memory(false), readOnly: true}, username: username, password: password, push: true},
		"push, 403 of ghcr.io":       {golden: "denied-ghcr", host: "ghcr.io", handler: basic{next: memory(false), refuse: isWrite, refusal: 403}, username: username, password: password, push: true},
		"push anonymously, 401":      {golden: "login-none", handler: bearer{next: memory(false), readOnly: true}, push: true},
		"resolve, 403":               {golden: "denied-read", handler: basic{next: memory(false), refuse: everything, refusal: 403}, username: username, password: password},
		"push, 404 of no repository": {golden: "push-not-found", handler: basic{next: memory(false), refuse: isWrite, refusal: 404}, username: username, password: password, push: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if c.host == "" {
					c.host = host
				}
				network := inProcess{c.handler}
				cl := registry.New(registry.Options{Transport: network, Logins: map[string]registry.Login{
					c.host: {Username: c.username, Password: secret.New(c.password)},
				}})
				ref := reference(t, c.host+"/acme/app:v1")
				var err error
				if c.push {
					err = cl.CheckPush(t.Context(), ref.Context())
				} else {
					_, err = cl.Resolve(t.Context(), ref, v1.Hash{}, nil)
				}
				if c.golden != "" {
					goldenProblem(t, c.golden, err)
				} else if got := problem.From(err).Code; got != problem.ImageNotFound { // the registry is empty
					t.Errorf("got %v, want to come as far as image-not-found", err)
				}
				if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), password) {
					t.Errorf("the error has the password: %v", err)
				}
			})
		})
	}
}

func TestServerErrors(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"503": 503, "429": 429} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
				network := retrying(inProcess{requests})
				_, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
				goldenProblem(t, "unavailable-"+name, err)
				if got := len(requests.seen(http.MethodGet, "/")); got != 6 {
					t.Errorf("%d requests, want 6: one layer retries five times, and no other does", got)
				}
			})
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(memory(false))
	t.Cleanup(plain.Close)
	secure := startTLS(t, memory(false))
	closed := httptest.NewServer(nil)
	closed.Close()

	for name, c := range map[string]struct {
		golden string
		ref    string
		srv    *httptest.Server
	}{
		"plain http":           {"unreachable-http", repository + ":v1", plain},
		"private authority":    {"unreachable-authority", repository + ":v1", secure},
		"nobody listens":       {"unreachable", repository + ":v1", closed},
		"localhost of the job": {"unreachable-localhost", "localhost:5000/acme/app:v1", closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := &http.Transport{DialContext: dialer(c.srv)}
			t.Cleanup(network.CloseIdleConnections)
			_, err := client(network).Resolve(t.Context(), reference(t, c.ref), v1.Hash{}, nil)
			goldenProblem(t, c.golden, err)
		})
	}
}

// Each registry gets its own login and no other's; one without is asked anonymously.
//
// faults: F68
func TestEachRegistryGetsItsLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		servers := map[string]*recorder{
			"one.example.com":         record(guarded(memory(true), false, "first", "password of one")),
			"two.example.com:5000":    record(guarded(memory(true), true, "second", "password of two")),
			"open.example.com":        record(memory(true)),
			"anonymous.example.com":   record(guarded(memory(true), true, "", "")),
			"index.docker.io":         record(guarded(memory(true), true, "docker", "password of docker")),
			"nothing.two.example.com": record(memory(true)),
		}
		network := byHost{}
		for host, server := range servers {
			network[host] = server
		}
		cl := registry.New(registry.Options{Transport: network, Logins: map[string]registry.Login{
			"one.example.com":      {Username: "first", Password: secret.New("password of one")},
			"two.example.com:5000": {Username: "second", Password: secret.New("password of two")},
			"index.docker.io":      {Username: "docker", Password: secret.New("password of docker")},
		}})
		for host := range servers {
			repo := reference(t, host+"/acme/app:v1")
			if err := cl.CheckPush(t.Context(), repo.Context()); err != nil {
				t.Errorf("%s: %v", host, err)
			}
			if _, err := cl.Resolve(t.Context(), repo, v1.Hash{}, nil); err == nil || !strings.Contains(err.Error(), "There is no image") {
				t.Errorf("%s: %v, want to come as far as image-not-found", host, err)
			}
			m := attest.Manifest{Ref: repo.Context().Digest("sha256:" + strings.Repeat("ab", 32))}
			if _, err := cl.Find(t.Context(), m, []attest.Form{attest.FormBundle, attest.FormSig}); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		want := map[string][]string{
			"one.example.com":         {"", basicAuth("first", "password of one")},
			"two.example.com:5000":    {"", basicAuth("second", "password of two"), "Bearer token-of-two.example.com:5000"},
			"open.example.com":        {""},
			"anonymous.example.com":   {"", "Bearer token-of-anonymous.example.com"},
			"index.docker.io":         {"", basicAuth("docker", "password of docker"), "Bearer token-of-index.docker.io"},
			"nothing.two.example.com": {""},
		}
		got := map[string][]string{}
		for host, server := range servers {
			got[host] = authorizations(server)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("credentials seen (-want +got):\n%s", diff)
		}
	})
}

func TestIdentityToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden string // empty: as far as image-not-found
		server refresh
		push   bool
	}{
		"read":         {"", refresh{token: "identity", read: true}, false},
		"wrong":        {"login-identity", refresh{token: "of another"}, false},
		"push, wrong":  {"login-identity", refresh{token: "of another"}, true},
		"read denied":  {"denied-read-identity", refresh{token: "identity"}, false},
		"push denied":  {"denied-identity", refresh{token: "identity", read: true}, true},
		"push allowed": {"", refresh{token: "identity", write: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := c.server
				server.next = memory(true)
				cl := registry.New(registry.Options{Transport: inProcess{&server}, Logins: map[string]registry.Login{
					host: {IdentityToken: secret.New("identity")},
				}})
				ref := reference(t, repository+":v1")
				var err error
				if c.push {
					err = cl.CheckPush(t.Context(), ref.Context())
				} else if _, err = cl.Resolve(t.Context(), ref, v1.Hash{}, nil); c.golden == "" {
					goldenProblem(t, "no-image-v1", err)
					err = nil
				}
				if c.golden != "" {
					goldenProblem(t, c.golden, err)
				} else if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff([]string{"refresh_token", "identity", ""}, server.seen); diff != "" {
					t.Errorf("asked for a token (-want +got):\n%s", diff)
				}
			})
		})
	}
}
