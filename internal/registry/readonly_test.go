package registry_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/registry"
	"seal-image/internal/secret"
)

// readOnly is the client of somebody who may read.
func readOnly(network http.RoundTripper, host string) *registry.Client {
	return registry.New(registry.Options{ReadOnly: true, Transport: network, Logins: map[string]registry.Login{
		host: {Username: username, Password: secret.New(password)},
	}})
}

var signedForms = []attest.Form{attest.FormBundle, attest.FormSig, attest.FormAtt}

// pullOnly is a registry whose token server, as that of ghcr.io, gives none at all to those
// who ask for more than they may do.
type pullOnly struct {
	next  http.Handler
	asked []string // scopes
}

func (p *pullOnly) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.URL.Path == "/token":
		scope := req.FormValue("scope")
		p.asked = append(p.asked, scope)
		if strings.Contains(scope, "push") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"token":"to-pull"}`)
	case req.Header.Get("Authorization") != "Bearer to-pull":
		realm := url.URL{Scheme: "https", Host: req.Host, Path: "/token"}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm.String()+`",service="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
	case isWrite(req):
		w.WriteHeader(http.StatusForbidden)
	default:
		p.next.ServeHTTP(w, req)
	}
}

// TestReadOnly: who only reads asks for no other right, and finds all the same.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := memory(api)
			m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
			attach(t, inProcess{inner}, everyForm(m)...)
			server := &pullOnly{next: inner}
			c := readOnly(inProcess{server}, host)
			if _, err := c.Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil); err != nil {
				t.Fatal(err)
			}
			found, err := c.Find(t.Context(), m, signedForms)
			if err != nil || len(found) < 4 {
				t.Errorf("found %d, %v", len(found), err)
			}
			if want := []string{"repository:acme/app:pull"}; !slices.Equal(server.asked, want) {
				t.Errorf("asked for %q, want %q", server.asked, want)
			}
		})
	}
}

// TestReadOnlyAbsent: registries answer in several ways for a tag that is not there. What
// is there and may not be read is not taken for nothing.
func TestReadOnlyAbsent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404} {
		for _, there := range []bool{false, true} {
			t.Run(fmt.Sprint(status, there), func(t *testing.T) {
				t.Parallel()
				inner := memory(false)
				m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
				if there {
					attach(t, inProcess{inner}, tagged(m, "c2ln"))
				}
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					if !strings.Contains(req.URL.Path, "/manifests/sha256-") {
						return false
					}
					refuse(w, status, "NO", "not here")
					return true
				})}
				found, err := readOnly(network, host).Find(t.Context(), m, signedForms)
				if refused := there && status != 404; len(found) > 0 || (err != nil) != refused {
					t.Errorf("found %v, %v", found, err)
				}
			})
		}
	}
}

// TestReadOnlyProblems: the advice says nothing of pushing.
func TestReadOnlyProblems(t *testing.T) {
	t.Parallel()
	forbidden := basic{next: memory(false), refuse: everything, refusal: 403}
	for file, c := range map[string]struct {
		host    string
		handler http.Handler
		digest  string
	}{
		"read-only-denied":      {host, forbidden, ""},
		"read-only-denied-ghcr": {"ghcr.io", forbidden, ""},
		"read-only-not-found":   {host, memory(false), ""},
		"read-only-moved":       {host, memory(false), strings.Repeat("a", 64)},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{c.handler}
				expected := v1.Hash{}
				if c.digest != "" {
					push(t, network, c.host+"/acme/app:v1", image(t, "linux/amd64", "x"))
					expected = v1.Hash{Algorithm: "sha256", Hex: c.digest}
				}
				_, err := readOnly(network, c.host).Resolve(t.Context(), reference(t, c.host+"/acme/app:v1"), expected, nil)
				goldenProblem(t, file, err)
			})
		})
	}
}
