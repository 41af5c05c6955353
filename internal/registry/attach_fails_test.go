package registry_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/registry"
	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

// refusing answers the writes of manifests from the nth on with status.
func refusing(next http.Handler, n, status int) http.Handler {
	return before(next, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/") {
			return false
		}
		if n--; n <= 0 {
			w.WriteHeader(status)
		}
		return n <= 0
	})
}

func TestAttachFails(t *testing.T) {
	t.Parallel()
	planned, found := "bundle: planned", "bundle: new"
	for name, c := range map[string]struct {
		golden string
		api    bool
		nth    int // write of a manifest that fails; the first is the image
		status int
		states []string
	}{
		"manifest refused":                     {"refused", true, 2, 400, []string{planned, planned}},
		"second manifest refused":              {"refused", true, 3, 400, []string{found, planned}},
		"second manifest refused, no API":      {"refused", false, 3, 400, []string{planned, planned}},
		"index refused":                        {"refused-415", false, 4, 415, []string{planned, planned}},
		"forbidden":                            {"denied", true, 2, 403, []string{planned, planned}},
		"second fails with 500":                {"attach-failed", true, 3, 500, []string{found, planned}},
		"index fails with 500":                 {"attach-failed", false, 4, 500, []string{planned, planned}},
		"conflict of an immutable tag, no API": {"refused-409", false, 4, 409, []string{planned, planned}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{refusing(memory(c.api), c.nth, c.status)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				attachments := bundles(m)
				err := loggedIn(retrying(network)).Attach(t.Context(), m.Ref.Context(), attachments)
				goldenProblem(t, c.golden, err)
				if diff := cmp.Diff(c.states, states(attachments)); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				located(t, attachments)
			})
		})
	}
}

// retrying is the stack of the action.
func retrying(network http.RoundTripper) http.RoundTripper {
	return transport.New(transport.Options{Base: network, Log: slog.New(slog.DiscardHandler)})
}

// loggedIn is a client with the login of [username].
func loggedIn(network http.RoundTripper) *registry.Client {
	return registry.New(registry.Options{Transport: network, Logins: map[string]registry.Login{
		host: {Username: username, Password: secret.New(password)},
	}})
}

// Once something is logged, a broken connection is no mistake in `image`.
func TestAttachBreaksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(true)}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		broken := roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				return nil, fmt.Errorf("connection reset by peer")
			}
			return network.RoundTrip(req)
		})
		err := client(broken).Attach(t.Context(), m.Ref.Context(), bundles(m))
		goldenProblem(t, "attach-broken", err)
	})
}
