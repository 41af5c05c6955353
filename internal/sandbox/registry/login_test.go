package registry_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"seal-image/internal/sandbox/registry"
)

var (
	writer = registry.Account{Username: "writer", Password: "w", Push: true}
	reader = registry.Account{Username: "reader", Password: "r"}
)

func newLogin() http.Handler {
	return registry.NewLogin(registry.NewWithReferrers(), writer, reader)
}

func TestLogin(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]http.Handler{
		"bearer": newLogin(),
		"basic":  registry.NewBasicLogin(registry.NewWithReferrers(), writer, reader),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testLogin(t, serve(t, login))
		})
	}
}

func testLogin(t *testing.T, host string) {
	t.Helper()
	push(t, tag(t, "%s/app:v1", host), remote.WithAuth(&authn.Basic{Username: "writer", Password: "w"}))
	for name, test := range map[string]struct {
		auth       authn.Authenticator
		pull, push string // the status and code of the refusal, empty if there is none; a HEAD has no code
	}{
		"writer":         {&authn.Basic{Username: "writer", Password: "w"}, "", ""},
		"reader":         {&authn.Basic{Username: "reader", Password: "r"}, "", "403 DENIED"},
		"wrong password": {&authn.Basic{Username: "writer", Password: "r"}, "401 UNAUTHORIZED", "401"},
		"wrong name":     {&authn.Basic{Username: "nobody", Password: "w"}, "401 UNAUTHORIZED", "401"},
		"anonymous":      {authn.Anonymous, "401 UNAUTHORIZED", "401"},
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
			if got := refusal(t, err); !strings.HasPrefix(got, test.push) || (got != "" && test.push == "") {
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
