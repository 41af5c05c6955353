package config_test

import (
	"errors"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/config"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

var (
	hexA = strings.Repeat("a1", 32)
	hexB = strings.Repeat("b2", 32)
)

// step is the environment of a step: inputs by their name, and variables of the job.
type step map[string]string

func (s step) getenv(key string) string {
	if input, ok := strings.CutPrefix(key, "INPUT_"); ok {
		return s[strings.ToLower(input)]
	}
	return s[key]
}

// newStep is a step with the inputs given, in a job on github.com with an empty workspace.
func newStep(t *testing.T, with step) step {
	t.Helper()
	s := step{
		"GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_WORKSPACE":  t.TempDir(),
		"GITHUB_ACTOR":      "octocat",
		"RUNNER_TEMP":       t.TempDir(),
		"github-token":      "job-token",
	}
	maps.Copy(s, with)
	return s
}

func (s step) write(t *testing.T, path, content string) {
	t.Helper()
	path = filepath.Join(s["GITHUB_WORKSPACE"], path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestParseMistakes(t *testing.T) {
	t.Parallel()
	const image = "ghcr.io/acme/app:v1"
	for name, with := range map[string]step{
		"image-missing":             {},
		"image-blank":               {"image": " \n , "},
		"image-several":             {"image": "ghcr.io/acme/app:v1\nghcr.io/acme/app:latest"},
		"image-upper-case":          {"image": "ghcr.io/Acme/App:V1"},
		"image-upper-case-digest":   {"image": "GHCR.io/acme/app@sha256:" + hexA},
		"image-scheme":              {"image": "https://ghcr.io/acme/app:v1"},
		"image-scheme-digest":       {"image": "docker://ghcr.io/acme/app@sha256:" + hexA},
		"image-no-tag":              {"image": "ghcr.io/acme/app"},
		"image-no-tag-port":         {"image": "localhost:5000/app"},
		"image-syntax":              {"image": "ghcr.io/acme/app:v 1"},
		"image-control-characters":  {"image": "ghcr.io/acme/\x1b[31mapp:v1"},
		"image-bad-digest":          {"image": "ghcr.io/acme/app@sha256:abc"},
		"image-other-algorithm":     {"image": "ghcr.io/acme/app@sha512:" + hexA + hexA},
		"image-long":                {"image": strings.Repeat("a/", 5000) + "app"},
		"digest-bad":                {"image": image, "digest": "sha256:" + strings.ToUpper(hexA)},
		"digest-bad-image-missing":  {"digest": hexA},
		"digest-differs":            {"image": "ghcr.io/acme/app@sha256:" + hexA, "digest": "sha256:" + hexB},
		"digest-differs-tagged":     {"image": image + "@sha256:" + hexA, "digest": "sha256:" + hexB},
		"platform":                  {"image": image, "platforms": "linux/amd64,arm64"},
		"platform-upper-case":       {"image": image, "platforms": "Linux/AMD64"},
		"boolean":                   {"image": image, "sbom": "yes"},
		"boolean-mixed-case":        {"image": image, "dry-run": "tRUE"},
		"timeout":                   {"image": image, "timeout": "30"},
		"timeout-negative":          {"image": image, "timeout": "-1m"},
		"timeout-long":              {"image": image, "timeout": "7h"},
		"username-only":             {"image": image, "registry-username": "alice"},
		"password-only":             {"image": image, "registry-password": "hunter2-hunter2"},
		"fulcio-only":               {"image": image, "fulcio-url": "https://fulcio.acme.dev", "tuf-url": "https://tuf.acme.dev"},
		"rekor-only":                {"image": image, "rekor-url": "https://rekor.acme.dev"},
		"fulcio-and-signing-config": {"image": image, "fulcio-url": "https://fulcio.acme.dev", "rekor-url": "https://rekor.acme.dev", "signing-config": "there.json", "trusted-root": "there.json"},
		"services-without-root":     {"image": image, "fulcio-url": "https://fulcio.acme.dev", "rekor-url": "https://rekor.acme.dev"},
		"config-without-root":       {"image": image, "signing-config": "there.json"},
		"tuf-root-only":             {"image": image, "tuf-root": "there.json"},
		"url-not-a-url":             {"image": image, "tuf-url": "tuf.acme.dev"},
		"url-scheme":                {"image": image, "tuf-url": "ftp://tuf.acme.dev"},
		"url-query":                 {"image": image, "tuf-url": "https://tuf.acme.dev?x=1"},
		"url-credentials":           {"image": image, "tuf-url": "https://alice:hunter2-hunter2@tuf.acme.dev/repo"},
		"file-missing":              {"image": image, "trusted-root": "no/such.json"},
		"file-is-a-folder":          {"image": image, "trusted-root": "folder"},
		"file-large":                {"image": image, "trusted-root": "large.json"},
		"output-dir-parent":         {"image": image, "output-dir": "../out"},
		"output-dir-absolute":       {"image": image, "output-dir": "/var/out"},
		"output-dir-workspace":      {"image": image, "output-dir": "a/.."},
		"output-dir-not-ascii":      {"image": image, "output-dir": "büro/sbom"},
		"format":                    {"image": image, "format": "spdx-json,cyclonedx-json"},
		"many": {
			"image": "https://ghcr.io/Acme/app", "digest": "latest", "platforms": "arm64", "sbom": "1", "format": "spdx",
			"timeout": "soon", "registry-password": "hunter2-hunter2", "fulcio-url": "fulcio", "signing-config": "missing.json",
			"tuf-root": "there.json", "output-dir": "..", "recursive": "no",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, with)
			s.write(t, "there.json", "{}")
			s.write(t, "folder/file", "")
			s.write(t, "large.json", strings.Repeat(" ", 4<<20+1))

			_, err := config.Parse(s.getenv)
			p, ok := errors.AsType[*problem.Problem](err)
			if !ok || p.Code != problem.InputInvalid {
				t.Fatalf("Parse: %v, want a problem input-invalid", err)
			}
			text := p.What + "\n\n" + p.Why + "\n\n" + p.Fix + "\n"
			golden.Compare(t, "mistakes/"+name+".txt", text)
			for _, leak := range []string{"hunter2", "job-token", s["GITHUB_WORKSPACE"]} {
				if strings.Contains(text, leak) {
					t.Errorf("the text has %q in it", leak)
				}
			}
		})
	}
}

// compare knows the types that hide their fields.
var compare = cmp.Options{
	cmp.Comparer(func(a, b secret.String) bool { return a.Reveal() == b.Reveal() }),
	cmp.Comparer(func(a, b *url.URL) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.String() == b.String()
	}),
	cmp.Comparer(func(a, b name.Reference) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.Name() == b.Name() && a.Context().Scheme() == b.Context().Scheme()
	}),
}

func TestParse(t *testing.T) {
	t.Parallel()
	const tagged = "registry.acme.dev/team/app:v1"
	repository := func(s string) name.Repository { return must(name.NewRepository(s)) }
	tag := must(name.NewTag(tagged))
	digestA := v1.Hash{Algorithm: "sha256", Hex: hexA}
	for name, tt := range map[string]struct {
		with   step
		change func(c *config.Config) // of the defaults
	}{
		"defaults": {
			with:   step{"image": tagged},
			change: func(*config.Config) {},
		},
		"tag and digest input": {
			with:   step{"image": tagged, "digest": "sha256:" + hexA},
			change: func(c *config.Config) { c.Image.Digest = digestA },
		},
		"tag and digest in one": {
			with:   step{"image": tagged + "@sha256:" + hexA},
			change: func(c *config.Config) { c.Image.Digest = digestA },
		},
		"digest twice": {
			with:   step{"image": tagged + "@sha256:" + hexA, "digest": "sha256:" + hexA},
			change: func(c *config.Config) { c.Image.Digest = digestA },
		},
		"digest in the reference": {
			with: step{"image": "registry.acme.dev/team/app@sha256:" + hexA},
			change: func(c *config.Config) {
				c.Image = config.Image{Ref: repository("registry.acme.dev/team/app").Digest("sha256:" + hexA), Digest: digestA}
			},
		},
		"digest input without tag": {
			with: step{"image": "registry.acme.dev:5000/app", "digest": "sha256:" + hexA},
			change: func(c *config.Config) {
				c.Image = config.Image{Ref: repository("registry.acme.dev:5000/app").Digest("sha256:" + hexA), Digest: digestA}
			},
		},
		"Docker Hub": {
			with: step{"image": "alpine:3.22"},
			change: func(c *config.Config) {
				c.Image.Ref = must(parseTag("index.docker.io/library/alpine:3.22"))
			},
		},
		"one image, blank lines": {
			with:   step{"image": "\n  " + tagged + " \r\n"},
			change: func(*config.Config) {},
		},
		"platforms over several lines": {
			with: step{"image": tagged, "platforms": "linux/amd64, linux/arm64\r\n\n  linux/arm/v7\rlinux/s390x\n"},
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
			with:   step{"image": tagged, "platforms": "all"},
			change: func(*config.Config) {},
		},
		"flags": {
			with: step{"image": tagged, "sbom": "False", "recursive": "FALSE", "summary": "false", "dry-run": "True", "allow-empty-sbom": "TRUE", "private-repository": "true"},
			change: func(c *config.Config) {
				c.SBOM, c.Recursive, c.Summary = false, false, false
				c.DryRun, c.AllowEmptySBOM, c.Sigstore.PrivateRepository = true, true, true
			},
		},
		"plain http": {
			with: step{"image": "registry.acme.dev/team/app:v1", "allow-http-registry": "True"},
			change: func(c *config.Config) {
				c.Image.Ref = must(parseTag("registry.acme.dev/team/app:v1", insecure))
			},
		},
		"timeout and folder": {
			with: step{"image": tagged, "timeout": "1h30m", "output-dir": "./out//sbom/"},
			change: func(c *config.Config) {
				c.Timeout, c.OutputDir = 90*time.Minute, "out/sbom"
			},
		},
		"services": {
			with: step{"image": tagged, "fulcio-url": "https://fulcio.acme.dev/", "rekor-url": "http://rekor:3000/log/", "trusted-root": "root.json", "oidc-audience": "acme"},
			change: func(c *config.Config) {
				c.Sigstore.FulcioURL = must(url.Parse("https://fulcio.acme.dev"))
				c.Sigstore.RekorURL = must(url.Parse("http://rekor:3000/log"))
				c.Sigstore.TrustedRoot = []byte(`{"root":1}`)
				c.Sigstore.Audience = "acme"
			},
		},
		"signing config and TUF": {
			with: step{"image": tagged, "signing-config": "config.json", "tuf-url": "https://tuf.acme.dev", "tuf-root": "root.json"},
			change: func(c *config.Config) {
				c.Sigstore.SigningConfig = []byte(`{"config":1}`)
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
				Image:     config.Image{Ref: tag},
				Recursive: true, SBOM: true, Summary: true,
				Sigstore:  config.Sigstore{Audience: "sigstore"},
				OutputDir: ".seal-image", Timeout: 30 * time.Minute,
				Job: config.Job{
					ServerURL: "https://github.com", Workspace: s["GITHUB_WORKSPACE"],
					Temp: s["RUNNER_TEMP"], Actor: "octocat",
				},
			}
			tt.change(want)

			got, err := config.Parse(s.getenv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, compare); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

const insecure = true

func parseTag(s string, plain ...bool) (name.Tag, error) {
	if len(plain) > 0 {
		return name.NewTag(s, name.Insecure)
	}
	return name.NewTag(s)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestParseOutputDirBelowWorkspace(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{"image": "app:v1"})
	s["output-dir"] = s["GITHUB_WORKSPACE"] + "/out"
	got, err := config.Parse(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	if got.OutputDir != "out" {
		t.Errorf("OutputDir = %q, want it relative to the workspace", got.OutputDir)
	}
}

func TestImageTag(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"ghcr.io/acme/app:v1":                       "v1",
		"ghcr.io/acme/app:latest@sha256:" + hexA:    "latest",
		"ghcr.io/acme/app@sha256:" + hexA:           "",
		"localhost:5000/acme/app:v1@sha256:" + hexA: "v1",
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			got, err := config.Parse(newStep(t, step{"image": image}).getenv)
			if err != nil {
				t.Fatal(err)
			}
			tag, _ := got.Image.Ref.(name.Tag)
			if have := tag.TagStr(); have != want && (want != "" || tag != (name.Tag{})) {
				t.Errorf("tag %q, want %q", have, want)
			}
		})
	}
}

// TestRegistryLogin checks above all where the job's token does not go.
func TestRegistryLogin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		with           step
		user, password string
	}{
		"ghcr.io on github.com": {
			with: step{"image": "ghcr.io/acme/app:v1"},
			user: "octocat", password: "job-token",
		},
		"ghcr.io, server unknown": {
			with: step{"image": "ghcr.io/acme/app:v1", "GITHUB_SERVER_URL": ""},
			user: "octocat", password: "job-token",
		},
		"containers on an own server": {
			with: step{"image": "containers.ghe.acme.dev/acme/app:v1", "GITHUB_SERVER_URL": "https://ghe.acme.dev/"},
			user: "octocat", password: "job-token",
		},
		"containers on ghe.com": {
			with: step{"image": "containers.acme.ghe.com/acme/app:v1", "GITHUB_SERVER_URL": "https://acme.ghe.com"},
			user: "octocat", password: "job-token",
		},
		"explicit credentials win": {
			with: step{"image": "ghcr.io/acme/app:v1", "registry-username": "alice", "registry-password": "secret"},
			user: "alice", password: "secret",
		},
		"explicit credentials elsewhere": {
			with: step{"image": "registry.acme.dev/app:v1", "registry-username": "alice", "registry-password": "secret"},
			user: "alice", password: "secret",
		},
		"another registry":             {with: step{"image": "registry.acme.dev/app:v1"}},
		"Docker Hub":                   {with: step{"image": "acme/app:v1"}},
		"ghcr.io on an own server":     {with: step{"image": "ghcr.io/acme/app:v1", "GITHUB_SERVER_URL": "https://ghe.acme.dev"}},
		"containers of another server": {with: step{"image": "containers.other.dev/app:v1", "GITHUB_SERVER_URL": "https://ghe.acme.dev"}},
		"another port of ghcr.io":      {with: step{"image": "ghcr.io:8080/acme/app:v1"}},
		"a name below ghcr.io":         {with: step{"image": "ghcr.io.evil.dev/acme/app:v1"}},
		"ghcr.io as a folder":          {with: step{"image": "evil.dev/ghcr.io/app:v1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Parse(newStep(t, tt.with).getenv)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Registry{Username: tt.user, Password: secret.New(tt.password)}
			if diff := cmp.Diff(want, got.Registry, compare); diff != "" {
				t.Errorf("Registry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ event, want string }{
		"visibility":       {`{"repository":{"visibility":"internal","private":true}}`, "internal"},
		"private":          {`{"repository":{"private":true}}`, "private"},
		"public":           {`{"repository":{"private":false}}`, "public"},
		"schedule":         {`{"schedule":"0 0 * * *"}`, ""},
		"empty repository": {`{"repository":{}}`, ""},
		"not JSON":         {`<html>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "app:v1"})
			s.write(t, "event.json", tt.event)
			s["GITHUB_EVENT_PATH"] = filepath.Join(s["GITHUB_WORKSPACE"], "event.json")
			got, err := config.Parse(s.getenv)
			if err != nil {
				t.Fatal(err)
			}
			if got.Job.Visibility != tt.want {
				t.Errorf("Visibility = %q, want %q", got.Job.Visibility, tt.want)
			}
		})
	}
}

func TestTempThatIsNotMounted(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{"image": "app:v1", "RUNNER_TEMP": "/home/runner/work/_no_such_temp"})
	got, err := config.Parse(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	if got.Job.Temp != os.TempDir() {
		t.Errorf("Temp = %q, want the system's", got.Job.Temp)
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

// FuzzParse: no input makes it panic; a refusal has advice; a reference that is accepted
// is one that it would accept again, and with a digest means that digest.
func FuzzParse(f *testing.F) {
	f.Add("ghcr.io/acme/app:v1", "")
	f.Add("ghcr.io/acme/app", "sha256:"+hexA)
	f.Add("ghcr.io/acme/app:v1@sha256:"+hexA, "sha256:"+hexA)
	f.Add("localhost:5000/app:v1", "")
	f.Add("alpine@sha256:"+hexA, "")
	f.Add("GHCR.IO/Acme/App:V1,x", "sha256:")
	f.Add("docker://a:b@c@d", "::")
	f.Add("[::1]:5000/app:v1", "")
	f.Add("a:", " ")
	f.Fuzz(func(t *testing.T, image, digest string) {
		parse := func(image, digest string) (*config.Config, error) {
			return config.Parse(step{"image": image, "digest": digest, "GITHUB_WORKSPACE": "/no/such"}.getenv)
		}
		cfg, err := parse(image, digest)
		if err != nil {
			p, ok := errors.AsType[*problem.Problem](err)
			if !ok || p.Code != problem.InputInvalid || p.What == "" || p.Why == "" || p.Fix == "" {
				t.Fatalf("Parse(%q, %q) refuses without advice: %#v", image, digest, err)
			}
			return
		}
		if _, err := name.ParseReference(cfg.Image.Ref.Name()); err != nil {
			t.Errorf("Parse(%q, %q) accepts what is no reference: %v", image, digest, err)
		}
		if d, ok := cfg.Image.Ref.(name.Digest); ok && d.DigestStr() != cfg.Image.Digest.String() {
			t.Errorf("Parse(%q, %q): reference %s, expected digest %s", image, digest, d, cfg.Image.Digest)
		}
		expected := ""
		if cfg.Image.Digest != (v1.Hash{}) {
			expected = cfg.Image.Digest.String()
		}
		again, err := parse(cfg.Image.Ref.Name(), expected)
		if err != nil {
			t.Fatalf("Parse(%q, %q) gives %s, which it refuses: %v", image, digest, cfg.Image.Ref, err)
		}
		if diff := cmp.Diff(cfg.Image, again.Image, compare); diff != "" {
			t.Errorf("Parse(%q, %q) again (-first +again):\n%s", image, digest, diff)
		}
	})
}
