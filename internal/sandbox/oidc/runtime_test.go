package oidc_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/oidc"
)

func TestRuntimeToken(t *testing.T) {
	t.Parallel()
	issuer, err := oidc.New()
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.RuntimeToken("Actions.ExternalRead:run", "Actions.Results:run:job")
	if err != nil {
		t.Fatal(err)
	}
	scopes, err := issuer.Scopes(token)
	if diff := cmp.Diff([]string{"Actions.ExternalRead:run", "Actions.Results:run:job"}, scopes); err != nil || diff != "" {
		t.Errorf("%v; scopes (-want +got):\n%s", err, diff)
	}
	other, err := oidc.New()
	if err != nil {
		t.Fatal(err)
	}
	idToken, err := issuer.Token("sigstore", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func() ([]string, error){
		"another issuer": func() ([]string, error) { return other.Scopes(token) },
		"an ID token":    func() ([]string, error) { return issuer.Scopes(idToken) },
		"no token":       func() ([]string, error) { return issuer.Scopes("opaque") },
	} {
		if scopes, err := check(); err == nil {
			t.Errorf("%s: %q, want an error", name, scopes)
		}
	}
}
