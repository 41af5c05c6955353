package config_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/config"
)

func TestSigner(t *testing.T) {
	t.Parallel()
	const app = "https://github.com/acme/app"
	commit := strings.Repeat("0a", 20)
	for name, tt := range map[string]struct {
		with step
		want config.Signer
	}{
		"identity":                {step{"certificate-identity": release + "@refs/heads/main"}, config.Signer{SAN: release + "@refs/heads/main"}},
		"identity and repository": {step{"certificate-identity": release + "@refs/heads/main", "repository": "acme/other"}, config.Signer{SAN: release + "@refs/heads/main", RepositoryURI: "https://github.com/acme/other"}},
		"person":                  {step{"certificate-identity": "alice@acme.dev", "certificate-oidc-issuer": "https://accounts.acme.dev/"}, config.Signer{SAN: "alice@acme.dev", Issuer: "https://accounts.acme.dev/"}},
		"service":                 {step{"certificate-identity": "spiffe://acme.dev/deploy"}, config.Signer{SAN: "spiffe://acme.dev/deploy"}},
		"pattern":                 {step{"certificate-identity-regexp": `.+@acme\.dev`}, config.Signer{Pattern: `.+@acme\.dev`}},
		"pattern and repository":  {step{"certificate-identity-regexp": `https://github\.com/.+`, "repository": "acme/app"}, config.Signer{Pattern: `https://github\.com/.+`, RepositoryURI: app}},
		"workflow":                {step{"repository": "acme/app", "workflow": "release.yml", "ref": "refs/heads/main"}, config.Signer{SAN: release + "@refs/heads/main", RepositoryURI: app}},
		"path of a workflow":      {step{"repository": "acme/app", "workflow": ".github/workflows/release.yml", "ref": "refs/tags/v1"}, config.Signer{SAN: release + "@refs/tags/v1", RepositoryURI: app}},
		"local path":              {step{"repository": "acme/app", "workflow": "./.github/workflows/release.yml", "ref": "refs/tags/v1"}, config.Signer{SAN: release + "@refs/tags/v1", RepositoryURI: app}},
		"reusable workflow": {
			step{"repository": "acme/app", "workflow": "octo/ci.flows/.github/workflows/seal.yaml", "ref": "refs/tags/v1"},
			config.Signer{SAN: "https://github.com/octo/ci.flows/.github/workflows/seal.yaml@refs/tags/v1", RepositoryURI: app},
		},
		"by commit": {
			step{"repository": "acme/app", "workflow": "octo/ci/.github/workflows/seal.yml", "ref": commit},
			config.Signer{SAN: "https://github.com/octo/ci/.github/workflows/seal.yml@" + commit, RepositoryURI: app},
		},
		"no plain URL": {
			step{"repository": "acme/app", "workflow": "my release.yml", "ref": "refs/heads/größe"},
			config.Signer{SAN: app + "/.github/workflows/my%20release.yml@refs/heads/gr%C3%B6%C3%9Fe", RepositoryURI: app},
		},
		"own server": {
			step{"repository": "acme/app", "workflow": "release.yml", "ref": "refs/heads/main", "GITHUB_SERVER_URL": "https://ghe.acme.dev/", "certificate-oidc-issuer": "https://ghe.acme.dev/_services/token"},
			config.Signer{SAN: "https://ghe.acme.dev/acme/app/.github/workflows/release.yml@refs/heads/main", RepositoryURI: "https://ghe.acme.dev/acme/app", Issuer: "https://ghe.acme.dev/_services/token"},
		},
		"any branch and tag": {
			step{"repository": "acme/app", "workflow": "release.yml"},
			config.Signer{Pattern: `https://github\.com/acme/app/\.github/workflows/release\.yml@refs/(?:heads|tags)/.+`, RepositoryURI: app},
		},
		"any ref, no plain URL": {
			step{"repository": "acme/app", "workflow": "größe+1.yml"},
			config.Signer{Pattern: `https://github\.com/acme/app/\.github/workflows/gr%C3%B6%C3%9Fe\+1\.yml@refs/(?:heads|tags)/.+`, RepositoryURI: app},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.ParseVerify(verifyStep(t, tt.with).getenv)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want.Issuer == "" {
				tt.want.Issuer = issuer
			}
			if diff := cmp.Diff(tt.want, got.Signer); diff != "" {
				t.Errorf("Signer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSignerPattern: what a workflow without ref accepts, and what not.
func TestSignerPattern(t *testing.T) {
	t.Parallel()
	cfg, err := config.ParseVerify(verifyStep(t, step{"repository": "acme/app", "workflow": "release.yml"}).getenv)
	if err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile("^(?:" + cfg.Signer.Pattern + ")$")
	for _, identity := range []string{"@refs/heads/main", "@refs/heads/feature/a@b", "@refs/tags/v1.2"} {
		if !whole.MatchString(release + identity) {
			t.Errorf("%q is refused", release+identity)
		}
	}
	for _, identity := range []string{
		release,
		release + "@refs/pull/7/merge",
		release + "@refs/heads/",
		release + "@refs/headsx/main",
		release + "@" + strings.Repeat("0a", 20),
		release + "x@refs/heads/main",
		"x" + release + "@refs/heads/main",
		strings.Replace(release, "release.yml", "releasexyml", 1) + "@refs/heads/main",
		strings.Replace(release, "github.com", "githubxcom", 1) + "@refs/heads/main",
		release + "@refs/heads/main\nhttps://x",
	} {
		if whole.MatchString(identity) {
			t.Errorf("%q is accepted", identity)
		}
	}
}

func TestSignerMistakes(t *testing.T) {
	t.Parallel()
	workflow := step{"repository": "acme/app", "workflow": "release.yml"}
	for name, with := range map[string]step{
		"none":                       {},
		"repository-alone":           {"repository": "acme/app"},
		"workflow-alone":             {"workflow": "release.yml"},
		"ref-alone":                  {"certificate-identity": release + "@refs/heads/main", "ref": "refs/heads/main"},
		"two-ways":                   workflow.and(step{"certificate-identity": release + "@refs/heads/main"}),
		"three-ways":                 workflow.and(step{"certificate-identity": release + "@refs/heads/main", "certificate-identity-regexp": release + "@.+"}),
		"identity-pattern":           {"certificate-identity": "https://github.com/acme/app/.*"},
		"identity-spaces":            {"certificate-identity": "Alice <alice@acme.dev>"},
		"identity-without-ref":       {"certificate-identity": release},
		"identity-without-scheme":    {"certificate-identity": "github.com/acme/app/.github/workflows/release.yml@refs/heads/main"},
		"regexp-syntax":              {"certificate-identity-regexp": "https://github.com/(acme"},
		"regexp-out-of-its-group":    {"certificate-identity-regexp": "a)|(?:b"},
		"regexp-out-of-its-quotes":   {"certificate-identity-regexp": `a|\Qb`},
		"regexp-everything":          {"certificate-identity-regexp": ".*"},
		"regexp-everything-anchored": {"certificate-identity-regexp": "^.+$", "repository": "acme/app"},
		"regexp-everything-hidden":   {"certificate-identity-regexp": "alice@acme.dev|[^ ]{3,}"},
		"regexp-every-workflow":      {"certificate-identity-regexp": "https://github.com/.*"},
		"regexp-every-owner":         {"certificate-identity-regexp": "https://github.com/[^/]+/[^/]+/.github/workflows/[^/]+@refs/(heads|tags)/.+"},
		"regexp-lines":               {"certificate-identity-regexp": "alice@acme.dev|\nbob@acme.dev"},
		"issuer":                     workflow.and(step{"certificate-oidc-issuer": "token.actions.githubusercontent.com"}),
		"issuer-credentials":         workflow.and(step{"certificate-oidc-issuer": "https://alice:hunter2-hunter2@accounts.acme.dev"}),
		"repository-url":             workflow.and(step{"repository": "https://github.com/acme/app"}),
		"repository-owner":           workflow.and(step{"repository": "acme"}),
		"workflow-name":              workflow.and(step{"workflow": "Release"}),
		"workflow-folder":            workflow.and(step{"workflow": "workflows/release.yml"}),
		"workflow-odd":               workflow.and(step{"workflow": "a?b#c.yml"}),
		"workflow-with-ref":          workflow.and(step{"workflow": "octo/ci/.github/workflows/seal.yml@v1"}),
		"ref-short":                  workflow.and(step{"ref": "main"}),
		"ref-short-commit":           workflow.and(step{"ref": "0a0a0a0"}),
		"ref-spaces":                 workflow.and(step{"ref": "refs/heads/a b"}),
		"ref-no-url":                 workflow.and(step{"ref": "refs/heads/100%zz"}),
		"digest":                     workflow.and(step{"image": "ghcr.io/acme/app", "digest": "latest"}),
		"no-tag":                     workflow.and(step{"image": "ghcr.io/acme/app"}),
		"many": {
			"image": "https://ghcr.io/Acme/app", "digest": "x", "repository": "x", "workflow": "x", "ref": "x", "certificate-identity": "a b",
			"certificate-identity-regexp": "(", "certificate-oidc-issuer": "x", "require-sbom": "x", "signature-format": "x",
			"registry-password": "hunter2-hunter2", "docker-config": "..", "trusted-root": "no/missing.json", "tuf-root": "there.json",
			"output-dir": "..", "summary": "x", "timeout": "x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := verifyStep(t, with)
			mistakenFiles(t, s)
			_, err := config.ParseVerify(s.getenv)
			goldenMistakes(t, "verify-"+name, s, err)
		})
	}
}
