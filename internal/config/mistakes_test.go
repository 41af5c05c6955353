package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/config"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

func TestParseMistakes(t *testing.T) {
	t.Parallel()
	const image = "ghcr.io/acme/app:v1"
	for name, with := range map[string]step{
		"image-missing":             {},
		"image-blank":               {"image": " \n , "},
		"image-several":             {"image": "ghcr.io/acme/app:v1\nghcr.io/Acme/app:v1,ghcr.io/acme/app\n10.0.0.1:5000/a:1,10.0.0.1:5000/b:1"},
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
		"digest-one-of-several":     {"image": image + "\nghcr.io/acme/app@sha256:" + hexB, "digest": "sha256:" + hexA},
		"snapshot-without-sbom":     {"image": image, "dependency-snapshot": "true", "sbom": "false"},
		"snapshot-without-list":     {"image": image, "dependency-snapshot": "true", "format": "syft-json", "attach-sbom": "referrer"},
		"attestation-of-nothing":    {"image": image, "github-attestation": "true", "attach-sbom": "referrer"},
		"attestation-without-sbom":  {"image": image, "github-attestation": "true", "sbom": "false"},
		"github-without-token":      {"image": image, "github-attestation": "true", "dependency-snapshot": "true", "github-token": ""},
		"github-and-others":         {"image": image, "github-attestation": "true", "dependency-snapshot": "yes", "sbom": "no"},
		"platform":                  {"image": image, "platforms": "linux/amd64,arm64"},
		"platform-upper-case":       {"image": image, "platforms": "Linux/AMD64"},
		"boolean":                   {"image": image, "sbom": "yes"},
		"boolean-mixed-case":        {"image": image, "dry-run": "tRUE"},
		"timeout":                   {"image": image, "timeout": "30"},
		"timeout-negative":          {"image": image, "timeout": "-1m"},
		"timeout-long":              {"image": image, "timeout": "7h"},
		"wait":                      {"image": image, "sigstore-wait": "10"},
		"wait-negative":             {"image": image, "sigstore-wait": "-1m"},
		"wait-long":                 {"image": image, "sigstore-wait": "7h"},
		"release-without-token":     {"image": image, "upload-release-assets": "true", "github-token": ""},
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
		"file-empty":                {"image": image, "trusted-root": "empty.json"},
		"file-odd-name":             {"image": image, "signing-config": "signing config.json"},
		"timestamp-only":            {"image": image, "timestamp-url": "https://tsa.acme.dev/api/v1/timestamp"},
		"timestamp-and-config":      {"image": image, "timestamp-url": "https://tsa.acme.dev", "signing-config": "there.json", "trusted-root": "there.json"},
		"output-dir-parent":         {"image": image, "output-dir": "../out"},
		"output-dir-absolute":       {"image": image, "output-dir": "/var/out"},
		"output-dir-workspace":      {"image": image, "output-dir": "a/.."},
		"output-dir-not-ascii":      {"image": image, "output-dir": "büro/sbom"},
		"artifact-name":             {"image": image, "artifact-name": "sbom: acme/app"},
		"artifact-name-lines":       {"image": image, "artifact-name": "sbom\nof app"},
		"artifact-name-long":        {"image": image, "artifact-name": strings.Repeat("a", 251)},
		"artifact-retention":        {"image": image, "upload-artifact-retention": "1 week"},
		"artifact-retention-long":   {"image": image, "upload-artifact-retention": "401"},
		"artifact-upload":           {"image": image, "upload-artifact": "always"},
		"format":                    {"image": image, "format": "spdx-json,cyclonedx-xml"},
		"sbom-files":                {"image": image, "sbom-files": "some"},
		"attach-sbom":               {"image": image, "attach-sbom": "attestation, none"},
		"attach-sbom-empty":         {"image": image, "attach-sbom": ","},
		"catalogers":                {"image": image, "catalogers": "image,+Go Module,--x"},
		"exclude":                   {"image": image, "exclude": "usr/share/doc, **/*.{js,ts}"},
		"sbom-path-missing":         {"image": image, "sbom-path": "no/such.json"},
		"sbom-path-is-a-folder":     {"image": image, "sbom-path": "folder"},
		"sbom-path-below-a-file":    {"image": image, "sbom-path": "there.json/x"},
		"sbom-path-large":           {"image": image, "sbom-path": "huge.json"},
		"sbom-path-parent":          {"image": image, "sbom-path": "a/../../{platform}.json"},
		"sbom-path-absolute":        {"image": image, "sbom-path": "/etc/passwd"},
		"sbom-path-workspace":       {"image": image, "sbom-path": "a/.."},
		"sbom-path-link":            {"image": image, "sbom-path": "outside.json"},
		"sbom-path-link-folder":     {"image": image, "sbom-path": "outside/config.json"},
		"sbom-path-without-sbom":    {"image": image, "sbom-path": "there.json", "sbom": "false"},
		"sbom-path-sbom-wrong":      {"image": image, "sbom-path": "there.json", "sbom": "off"},
		"format-not-attestable":     {"image": image, "format": "syft-json,spdx"},
		"sbom-path-and-generation":  {"image": image, "sbom-path": "there.json", "format": "spdx", "sbom-files": "all", "catalogers": "image", "exclude": "/a"},
		"annotations":               {"image": image, "annotations": "a=1\nno value\n=x\n-b=1\na b=1\nc=\x07\na=2\nd=\xff\n" + strings.Repeat("k", 101) + "=1"},
		"annotations-many":          {"image": image, "annotations": strings.Repeat("a=1\n", 101)},
		"signature-format":          {"image": image, "signature-format": "bundle,legacy"},
		"docker-outside":            {"image": image, "docker-config": "../docker"},
		"docker-outside-absolute":   {"image": image, "docker-config": "/root/.docker"},
		"docker-no-such-folder":     {"image": image, "docker-config": "no/such"},
		"docker-temp-not-mounted":   {"image": image, "docker-config": "/no/such/temp/docker", "RUNNER_TEMP": "/no/such/temp"},
		"docker-file":               {"image": image, "docker-config": "there.json"},
		"docker-folder":             {"image": image, "docker-config": "docker/folder"},
		"docker-link":               {"image": image, "docker-config": "outside"},
		"docker-large":              {"image": image, "docker-config": "docker/large"},
		"docker-not-json":           {"image": image, "docker-config": "docker/text"},
		"docker-other-type":         {"image": image, "docker-config": "docker/type"},
		"docker-bad-auth":           {"image": image, "docker-config": "docker/auth"},
		"docker-variable-not-json":  {"image": image, "DOCKER_CONFIG": "docker/text"},
		"docker-variable-large":     {"image": image, "DOCKER_CONFIG": "docker/large"},
		"docker-helper":             {"image": "registry.acme.dev/app:v1", "docker-config": "docker/helper"},
		"docker-store":              {"image": "quay.io/acme/app:v1,ghcr.io/acme/app:v1,acme/app:v1", "docker-config": "docker/helper"},
		"docker-variable-helper":    {"image": "registry.acme.dev/app:v1", "DOCKER_CONFIG": "docker/helper"},
		"login-none-left":           {"image": image + ",registry.acme.dev/app:v1", "docker-config": "docker/login", "registry-username": "alice", "registry-password": "hunter2-hunter2"},
		"login-several-left":        {"image": image + ",quay.io/acme/app:v1,acme/app:v1", "registry-username": "alice", "registry-password": "hunter2-hunter2"},
		"login-image-mistaken":      {"image": image + ",registry.acme.dev/app:v1,quay.io/Acme/app:v1", "docker-config": "docker/login", "registry-username": "alice", "registry-password": "hunter2-hunter2"},
		"many": {
			"image": "https://ghcr.io/Acme/app", "digest": "latest", "platforms": "arm64", "sbom": "1", "format": "xml",
			"timeout": "soon", "registry-password": "hunter2-hunter2", "fulcio-url": "fulcio", "signing-config": "no/missing.json",
			"tuf-root": "there.json", "output-dir": "..", "recursive": "no", "sbom-path": "..", "exclude": "x", "catalogers": "X",
			"sbom-files": "x", "attach-sbom": "x", "annotations": "x", "signature-format": "x", "docker-config": "..",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, with)
			mistakenFiles(t, s)
			_, err := config.Parse(s.getenv)
			goldenMistakes(t, name, s, err)
		})
	}
}

// goldenMistakes compares what the user reads with a file of testdata.
func goldenMistakes(t *testing.T, name string, s step, err error) {
	t.Helper()
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Code != problem.InputInvalid {
		t.Fatalf("%v, want a problem input-invalid", err)
	}
	text := p.What + "\n\n" + p.Why + "\n\n" + p.Fix + "\n"
	golden.Compare(t, "mistakes/"+name+".txt", text)
	for _, leak := range []string{"hunter2", "job-token", s["GITHUB_WORKSPACE"]} {
		if strings.Contains(text, leak) {
			t.Errorf("the text has %q in it", leak)
		}
	}
}

// mistakenFiles writes the files that the cases name.
func mistakenFiles(t *testing.T, s step) {
	t.Helper()
	for path, content := range map[string]string{
		"there.json": "{}", "empty.json": "", "folder/file": "", "large.json": strings.Repeat(" ", 4<<20+1), "huge.json": "",
		"docker/folder/config.json/x": "",
		"docker/large/config.json":    strings.Repeat(" ", 1<<20+1),
		"docker/text/config.json":     "hunter2-hunter2",
		"docker/type/config.json":     `{"auths":["hunter2-hunter2"]}`,
		"docker/auth/config.json":     `{"auths":{"ghcr.io":{"auth":"hunter2-hunter2"}}}`,
		"docker/login/config.json":    `{"auths":{"registry.acme.dev":{"username":"bob","password":"hunter2-bob"}}}`,
		"docker/helper/config.json":   `{"credsStore":"desktop","credHelpers":{"registry.acme.dev":"ecr-login"},"auths":{"quay.io":{},"https://index.docker.io/v1/":{}}}`,
	} {
		s.write(t, path, content)
	}
	in := func(name string) string { return filepath.Join(s["GITHUB_WORKSPACE"], name) }
	if err := os.Truncate(in("huge.json"), 64<<20+1); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	s.write(t, filepath.Join(outside, "config.json"), "{}")
	for link, target := range map[string]string{"outside": outside, "outside.json": filepath.Join(outside, "config.json")} {
		if err := os.Symlink(target, in(link)); err != nil {
			t.Fatal(err)
		}
	}
}
