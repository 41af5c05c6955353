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

var (
	hexA = strings.Repeat("a1", 32)
	hexB = strings.Repeat("b2", 32)
)

func TestParse(t *testing.T) {
	t.Parallel()
	const ref = "registry.acme.dev/team/app:v1"
	for name, tt := range map[string]struct {
		with   step
		change func(c *config.Config) // of the defaults
	}{
		"defaults": {
			with:   step{"image": ref},
			change: func(*config.Config) {},
		},
		"platforms over several lines": {
			with: step{"image": ref, "platforms": "linux/amd64, linux/arm64\r\n\n  linux/arm/v7\rlinux/s390x\n"},
			change: func(c *config.Config) {
				c.Platforms = []v1.Platform{
					{OS: "linux", Architecture: "amd64"},
					{OS: "linux", Architecture: "arm64"},
					{OS: "linux", Architecture: "arm", Variant: "v7"},
					{OS: "linux", Architecture: "s390x"},
				}
			},
		},
		"all platforms": {
			with:   step{"image": ref, "platforms": "all"},
			change: func(*config.Config) {},
		},
		"flags": {
			with: step{"image": ref, "sbom": "False", "recursive": "FALSE", "summary": "false", "dry-run": "True", "allow-empty-sbom": "TRUE", "provenance": "true", "private-repository": "true"},
			change: func(c *config.Config) {
				c.SBOM.Enabled, c.Recursive, c.Summary = false, false, false
				c.DryRun, c.SBOM.AllowEmpty, c.Provenance, c.Sigstore.PrivateRepository = true, true, true, true
			},
		},
		"no patience": {
			with:   step{"image": ref, "sigstore-wait": "0"},
			change: func(c *config.Config) { c.Sigstore.Wait = 0 },
		},
		"patience": {
			with:   step{"image": ref, "sigstore-wait": " 1h "},
			change: func(c *config.Config) { c.Sigstore.Wait = time.Hour },
		},
		"timeout and folder": {
			with: step{"image": ref, "timeout": "1h30m", "output-dir": "./out//sbom/"},
			change: func(c *config.Config) {
				c.Timeout, c.OutputDir = 90*time.Minute, "out/sbom"
			},
		},
		"annotations": {
			with: step{"image": ref, "annotations": "a=1\r\n  org.acme/team.x_y-z=a=b, c \n\nempty="},
			change: func(c *config.Config) {
				c.Annotations = map[string]string{"a": "1", "org.acme/team.x_y-z": "a=b, c", "empty": ""}
			},
		},
		"signature format": {
			with:   step{"image": ref, "signature-format": "legacy"},
			change: func(c *config.Config) { c.SignatureFormat = "legacy" },
		},
		"artifact": {
			with: step{"image": ref, "artifact-name": " SBOM of Äpp (linux) ", "upload-artifact-retention": "30"},
			change: func(c *config.Config) {
				c.Artifact = config.Artifact{Upload: true, Required: true, Name: "SBOM of Äpp (linux)", Retention: 30}
			},
		},
		"artifact asked for": {
			with:   step{"image": ref, "upload-artifact": "TRUE", "upload-artifact-retention": "0"},
			change: func(c *config.Config) { c.Artifact.Required = true },
		},
		"no artifact": {
			with:   step{"image": ref, "upload-artifact": "false"},
			change: func(c *config.Config) { c.Artifact.Upload, c.Artifact.Required = false, true },
		},
		"release assets": {
			with:   step{"image": ref, "upload-release-assets": "true"},
			change: func(c *config.Config) { c.ReleaseAssets = true },
		},
		"services of the run": {
			with: step{
				"image": ref, "ACTIONS_RESULTS_URL": "https://results.acme.dev/", "ACTIONS_RUNTIME_TOKEN": "runtime-token", "GITHUB_RETENTION_DAYS": "90",
				"GITHUB_REPOSITORY": "acme/demo", "GITHUB_RUN_ID": "1658821493", "GITHUB_JOB": "release",
			},
			change: func(c *config.Config) {
				c.Job.ResultsURL, c.Job.RuntimeToken = "https://results.acme.dev/", secret.New("runtime-token")
				c.Job.MaxRetention, c.Job.ID = 90, "release"
				c.Job.RunURL = "https://github.com/acme/demo/actions/runs/1658821493"
				c.Job.Repository, c.Job.RunID = "acme/demo", "1658821493"
				c.Job.ActionURL = "https://github.com/acme/demo"
			},
		},
		"services": {
			with: step{"image": ref, "fulcio-url": "https://fulcio.acme.dev/", "rekor-url": "http://rekor:3000/log/", "trusted-root": "root.json", "oidc-audience": "acme"},
			change: func(c *config.Config) {
				c.Sigstore.FulcioURL = must(url.Parse("https://fulcio.acme.dev"))
				c.Sigstore.RekorURL = must(url.Parse("http://rekor:3000/log"))
				c.Sigstore.TrustedRoot.JSON = []byte(`{"root":1}`)
				c.Sigstore.Audience = "acme"
			},
		},
		"timestamps": {
			with: step{"image": ref, "fulcio-url": "https://fulcio.acme.dev", "rekor-url": "https://rekor.acme.dev", "timestamp-url": "https://tsa.acme.dev/api/v1/timestamp", "tuf-url": "https://tuf.acme.dev"},
			change: func(c *config.Config) {
				c.Sigstore.FulcioURL = must(url.Parse("https://fulcio.acme.dev"))
				c.Sigstore.RekorURL = must(url.Parse("https://rekor.acme.dev"))
				c.Sigstore.TimestampURL = must(url.Parse("https://tsa.acme.dev/api/v1/timestamp"))
				c.Sigstore.TUFURL = must(url.Parse("https://tuf.acme.dev"))
			},
		},
		"targets of TUF": {
			with: step{"image": ref, "signing-config": "signing_config_rekor_v2.v0.2.json", "trusted-root": "trusted_root_2027.json"},
			change: func(c *config.Config) {
				c.Sigstore.SigningConfig.Target = "signing_config_rekor_v2.v0.2.json"
				c.Sigstore.TrustedRoot.Target = "trusted_root_2027.json"
			},
		},
		"signing config and TUF": {
			with: step{"image": ref, "signing-config": "config.json", "tuf-url": "https://tuf.acme.dev", "tuf-root": "root.json"},
			change: func(c *config.Config) {
				c.Sigstore.SigningConfig.JSON = []byte(`{"config":1}`)
				c.Sigstore.TUFURL = must(url.Parse("https://tuf.acme.dev"))
				c.Sigstore.TUFRoot = []byte(`{"root":1}`)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, tt.with)
			s.write(t, "root.json", `{"root":1}`)
			s.write(t, "config.json", `{"config":1}`)
			want := &config.Config{
				Images:    []config.Image{tagged(ref, v1.Hash{})},
				Recursive: true, Summary: true,
				SBOM:            config.SBOM{Enabled: true, Formats: []string{"spdx-json"}, Files: "none", Attestation: true},
				SignatureFormat: "both",
				Registry:        config.Registry{Logins: map[string]config.Login{}},
				Sigstore:        config.Sigstore{Audience: "sigstore", Wait: 10 * time.Minute},
				Artifact:        config.Artifact{Upload: true},
				OutputDir:       ".seal-image", Timeout: 30 * time.Minute,
				Job: config.Job{
					APIURL: "https://api.github.com", Token: secret.New("job-token"),
					ServerURL: "https://github.com", Workspace: s["GITHUB_WORKSPACE"],
					Temp: s["RUNNER_TEMP"], Actor: "octocat",
				},
			}
			tt.change(want)

			if diff := cmp.Diff(want, parse(t, s), compare); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseOutputDirBelowWorkspace(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{"image": "app:v1"})
	s["output-dir"] = s["GITHUB_WORKSPACE"] + "/out"
	if got := parse(t, s).OutputDir; got != "out" {
		t.Errorf("OutputDir = %q, want it relative to the workspace", got)
	}
}

// TestInputs: what is read is what is declared, so that action.yml can be compared with
// the declaration.
func TestInputs(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	s := newStep(t, step{"image": "ghcr.io/acme/app:v1"})
	if _, err := config.Parse(func(key string) string {
		if input, ok := strings.CutPrefix(key, "INPUT_"); ok {
			read[strings.ToLower(input)] = true
		}
		return s.getenv(key)
	}); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, in := range config.Inputs() {
		want = append(want, in.Name)
	}
	for in := range read {
		got = append(got, in)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs (-declared +read):\n%s", diff)
	}
}
