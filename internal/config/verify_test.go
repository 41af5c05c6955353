package config_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/config"
	"seal-image/internal/secret"
)

const (
	release = "https://github.com/acme/app/.github/workflows/release.yml"
	issuer  = "https://token.actions.githubusercontent.com"
)

// verifyStep is a step of the verify action.
func verifyStep(t *testing.T, with step) step {
	t.Helper()
	return newStep(t, step{"image": "registry.acme.dev/app:v1"}.and(with))
}

func TestParseVerify(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		with   step
		change func(c *config.Verify) // of the defaults
	}{
		"defaults": {change: func(*config.Verify) {}},
		"options": {
			with: step{"require-sbom": "true", "signature-format": "legacy", "output-dir": "out", "summary": "false", "timeout": "30s"},
			change: func(c *config.Verify) {
				c.RequireSBOM, c.SignatureFormat, c.OutputDir, c.Summary, c.Timeout = true, "legacy", "out", false, 30*time.Second
			},
		},
		"trust": {
			with: step{"trusted-root": "trusted_root_2027.json", "tuf-url": "https://tuf.acme.dev/", "tuf-root": "root.json"},
			change: func(c *config.Verify) {
				c.Trust = config.Trust{
					TrustedRoot: config.File{Target: "trusted_root_2027.json"},
					TUFURL:      must(url.Parse("https://tuf.acme.dev")), TUFRoot: []byte("{}"),
				}
			},
		},
		"login": {
			with: step{"registry-username": "alice", "registry-password": "secret"},
			change: func(c *config.Verify) {
				c.Registry.Logins = map[string]config.Login{"registry.acme.dev": login("alice", "secret")}
			},
		},
		"inputs of the other action are not read": {
			with:   step{"platforms": "arm64", "sbom": "yes", "fulcio-url": "x"},
			change: func(*config.Verify) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := verifyStep(t, step{"certificate-identity": release + "@refs/heads/main"}.and(tt.with))
			s.write(t, "root.json", "{}")
			got, err := config.ParseVerify(s.getenv)
			if err != nil {
				t.Fatal(err)
			}
			want := &config.Verify{
				Images:          []config.Image{tagged("registry.acme.dev/app:v1", v1.Hash{})},
				Signer:          config.Signer{SAN: release + "@refs/heads/main", Issuer: issuer},
				SignatureFormat: "both",
				Registry:        config.Registry{Logins: map[string]config.Login{}},
				OutputDir:       ".seal-image", Summary: true, Timeout: 10 * time.Minute,
				Job: config.Job{ServerURL: "https://github.com", Workspace: s["GITHUB_WORKSPACE"], Temp: s["RUNNER_TEMP"], Actor: "octocat", APIURL: "https://api.github.com", Token: secret.New("job-token")},
			}
			tt.change(want)
			if diff := cmp.Diff(want, got, compare); diff != "" {
				t.Errorf("ParseVerify (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerifyInputs: what is read is what is declared.
func TestVerifyInputs(t *testing.T) {
	t.Parallel()
	s := verifyStep(t, step{"repository": "acme/app", "workflow": "release.yml"})
	var want, got []string
	_, err := config.ParseVerify(func(key string) string {
		if input, ok := strings.CutPrefix(key, "INPUT_"); ok {
			got = append(got, strings.ToLower(input))
		}
		return s.getenv(key)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range config.VerifyInputs() {
		want = append(want, in.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("inputs (-declared +read):\n%s", diff)
	}
}
