package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"seal-image/internal/sandbox/registry"
)

func newLogin() http.Handler {
	return registry.NewLogin(registry.NewWithReferrers(),
		registry.Account{Username: "writer", Password: "w", Push: true},
		registry.Account{Username: "reader", Password: "r"})
}

func TestLogin(t *testing.T) {
	t.Parallel()
	host := serve(t, newLogin())
	writer := remote.WithAuth(&authn.Basic{Username: "writer", Password: "w"})
	push(t, tag(t, "%s/app:v1", host), writer)

	for name, test := range map[string]struct {
		auth       authn.Authenticator
		pull, push string // the status and code of the refusal, empty if there is none
	}{
		"writer":         {&authn.Basic{Username: "writer", Password: "w"}, "", ""},
		"reader":         {&authn.Basic{Username: "reader", Password: "r"}, "", "403 DENIED"},
		"wrong password": {&authn.Basic{Username: "writer", Password: "r"}, "401 UNAUTHORIZED", "401 UNAUTHORIZED"},
		"wrong name":     {&authn.Basic{Username: "nobody", Password: "w"}, "401 UNAUTHORIZED", "401 UNAUTHORIZED"},
		"anonymous":      {authn.Anonymous, "401 UNAUTHORIZED", "401 UNAUTHORIZED"},
		"made-up token":  {&authn.Bearer{Token: "token"}, "401 UNAUTHORIZED", "401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := []remote.Option{remote.WithAuth(test.auth), remote.WithContext(t.Context())}
			_, err := remote.Get(tag(t, "%s/app:v1", host), options...)
			if got := refusal(t, err); got != test.pull {
				t.Errorf("pull: %q, want %q", got, test.pull)
			}
			err = remote.Write(tag(t, "%s/app:%s", host, strings.ReplaceAll(name, " ", "-")), empty.Image, options...)
			if got := refusal(t, err); got != test.push {
				t.Errorf("push: %q, want %q", got, test.push)
			}
		})
	}
}

// refusal is the status of a registry's error, with its code unless it answered a HEAD.
func refusal(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	refused, ok := errors.AsType[*transport.Error](err)
	if !ok {
		t.Fatalf("not an answer of the registry: %v", err)
	}
	words := []string{strconv.Itoa(refused.StatusCode)}
	for _, diagnostic := range refused.Errors {
		words = append(words, string(diagnostic.Code))
	}
	return strings.Join(words, " ")
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	host := serve(t, newLogin())
	for name, test := range map[string]struct{ method, path, scope string }{
		"ping":   {http.MethodGet, "/v2/", ""},
		"pull":   {http.MethodGet, "/v2/acme/app/manifests/v1", `,scope="repository:acme/app:pull"`},
		"upload": {http.MethodPost, "/v2/acme/app/blobs/uploads/", `,scope="repository:acme/app:pull,push"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, _ := send(t, test.method, "http://"+host+test.path, "", "")
			want := fmt.Sprintf(`^Bearer realm="http://%[1]s/token",service="%[1]s"%[2]s$`, host, test.scope)
			got := resp.Header.Get("WWW-Authenticate")
			if resp.StatusCode != http.StatusUnauthorized || !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("answer %s, challenge %s, want %s", resp.Status, got, want)
			}
		})
	}
}
