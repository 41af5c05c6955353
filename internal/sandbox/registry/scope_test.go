package registry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/sandbox/registry"
)

// token asks for a token as the writer, who may have any.
func token(t *testing.T, host string, scopes ...string) string {
	t.Helper()
	endpoint := "http://" + host + "/token?" + url.Values{"service": {host}, "scope": scopes}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(writer.Username, writer.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Token
}

// bear returns the status of an answer to who has a token, and what its challenge says is wrong.
func bear(t *testing.T, token, method, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	_, wrong, _ := strings.Cut(resp.Header.Get("WWW-Authenticate"), "error=")
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", strings.Trim(wrong, `"`)))
}

// A token is good for what it was asked for.
func TestScopes(t *testing.T) {
	t.Parallel()
	host := serve(t, newLogin())
	for _, repository := range []string{"acme/app", "acme/else"} {
		push(t, tag(t, "%s/%s:v1", host, repository), remote.WithAuth(&authn.Basic{Username: "writer", Password: "w"}))
	}
	const insufficient = "401 insufficient_scope"
	for name, test := range map[string]struct {
		scopes []string
		want   []string // ping; pull and push of acme/app; pull and push of acme/else
	}{
		"none":      {nil, []string{"200", insufficient, insufficient, insufficient, insufficient}},
		"pull":      {[]string{"repository:acme/app:pull"}, []string{"200", "200", insufficient, insufficient, insufficient}},
		"push":      {[]string{"repository:acme/app:push,pull"}, []string{"200", "200", "202", insufficient, insufficient}},
		"push only": {[]string{"repository:acme/app:push"}, []string{"200", insufficient, insufficient, insufficient, insufficient}},
		"two": {
			[]string{"repository:acme/app:pull", "repository:acme/else:pull,push"},
			[]string{"200", "200", insufficient, "200", "202"},
		},
		"two in one": {
			[]string{"repository:acme/app:pull,push repository:acme/else:pull"},
			[]string{"200", "200", "202", "200", insufficient},
		},
		"in parts":         {[]string{"repository:acme/app:pull", "repository:acme/app:push"}, []string{"200", "200", "202", insufficient, insufficient}},
		"parent":           {[]string{"repository:acme:pull,push"}, []string{"200", insufficient, insufficient, insufficient, insufficient}},
		"not a repository": {[]string{"registry:catalog:*"}, []string{"200", insufficient, insufficient, insufficient, insufficient}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := token(t, host, test.scopes...)
			got := []string{bear(t, held, http.MethodGet, "http://"+host+"/v2/")}
			for _, repository := range []string{"acme/app", "acme/else"} {
				base := "http://" + host + "/v2/" + repository
				got = append(got,
					bear(t, held, http.MethodGet, base+"/manifests/v1"),
					bear(t, held, http.MethodPost, base+"/blobs/uploads/"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
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
	if got := bear(t, "made-up", http.MethodGet, "http://"+host+"/v2/"); got != "401 invalid_token" {
		t.Errorf("answer to a token that is none: %s", got)
	}
}

func TestBasicChallenge(t *testing.T) {
	t.Parallel()
	host := serve(t, registry.NewBasicLogin(registry.New(), writer))
	resp, body := send(t, http.MethodGet, "http://"+host+"/v2/", "", "")
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != `Basic realm="sandbox"` {
		t.Errorf("answer %s %s, challenge %s", resp.Status, body, resp.Header.Get("WWW-Authenticate"))
	}
}
