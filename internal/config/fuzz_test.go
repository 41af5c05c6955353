package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"seal-image/internal/config"
	"seal-image/internal/problem"
)

// hostile are values that inputs of workflows have when somebody else writes them.
var hostile = []string{
	"", " ", "true", "::add-mask::x", "a\n::set-output name=digest::x", "##[error]x", "\x1b[31m", "\u2028", "\xff", "-h", "..", "/etc/passwd",
	"https://a:hunter2-hunter2@example.com/%0a%1b[31m", "a:1,b:1\r\nc@sha256:", "%2e%2e/%00", "linux/amd64/v1/x", "9223372036854775807h", "</details>|`",
	"a=1\na=2\nb=\u202e", "x.json", "{platform}.json", "[::1]:5000/a:1", "a%0a", strings.Repeat("a", 300) + "é",
}

// FuzzInputs: whatever two inputs say, also to the verify action, there is a result or one problem: a
// mistake a line, each of a declared input, in characters that are seen, and no password in it.
func FuzzInputs(f *testing.F) {
	declared := append(config.Inputs(), config.VerifyInputs()...)
	for i := range declared {
		f.Add(uint8(i), hostile[i%len(hostile)], uint8(i+7), hostile[(i+5)%len(hostile)])
		f.Add(uint8(i), "https://a:hunter2-hunter2@example.com/%0a%1b[31m", uint8(0), hostile[(i+3)%len(hostile)])
	}
	workspace, temp := f.TempDir(), f.TempDir()
	f.Fuzz(func(t *testing.T, one uint8, a string, other uint8, b string) {
		s := step{"image": "ghcr.io/acme/app:v1", "GITHUB_WORKSPACE": workspace, "RUNNER_TEMP": temp, "github-token": "job-token-job-token"}
		s[declared[int(one)%len(declared)].Name], s[declared[int(other)%len(declared)].Name] = a, b
		cfg, err := config.Parse(s.getenv)
		checkMistakes(t, s, config.Inputs(), err)
		if err == nil && len(cfg.Images) == 0 {
			t.Error("there is nothing to seal, and no problem")
		}
		_, err = config.ParseVerify(s.getenv)
		checkMistakes(t, s, config.VerifyInputs(), err)
	})
}

// checkMistakes looks at a refusal as a reader of the log does.
func checkMistakes(t *testing.T, s step, declared []config.Input, err error) {
	t.Helper()
	if err == nil {
		return
	}
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Code != problem.InputInvalid {
		t.Fatalf("%v, want a problem input-invalid", err)
	}
	if strings.Contains(p.What, "\n") {
		t.Errorf("what happened has two lines: %q", p.What)
	}
	for line := range strings.SplitSeq(p.Why, "\n") {
		input, _, _ := strings.Cut(line, ": ")
		if !isDeclared(declared, input) {
			t.Errorf("the line %q is not about an input", line)
		}
	}
	for i, line := range strings.Split(p.Fix, "\n") {
		input, _, _ := strings.Cut(strings.TrimPrefix(line, "  "), ":")
		if i > 0 && !isDeclared(declared, input) {
			t.Errorf("the advice %q is not about an input", line)
		}
	}
	text := strings.Join([]string{p.What, p.Why, p.Fix}, "\n")
	if hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }; !utf8.ValidString(text) || strings.ContainsFunc(text, hidden) {
		t.Errorf("there are characters that are not seen in %q", text)
	}
	for _, input := range []string{"registry-password", "github-token"} {
		if secret := strings.TrimSpace(s[input]); len(secret) > 8 && strings.Contains(text, secret) && secretAlone(s, secret) {
			t.Errorf("%s is in %q", input, text)
		}
	}
}

// secretAlone reports whether no other input has the text of a secret in it, nor our own words.
func secretAlone(s step, secret string) bool {
	with := 0
	for _, v := range s {
		if strings.Contains(strconv.Quote(v), secret) || strings.Contains(v, secret) { // as it is quoted
			with++
		}
	}
	empty := step{}
	_, err := config.Parse(empty.getenv)
	return with == 1 && !strings.Contains(problem.From(err).Why+problem.From(err).Fix, secret)
}

func isDeclared(declared []config.Input, name string) bool {
	for _, in := range declared {
		if in.Name == name {
			return true
		}
	}
	return false
}

// FuzzDockerConfig: whatever config.json has in it, there are logins for the images alone, or a
// problem that quotes nothing of the file.
func FuzzDockerConfig(f *testing.F) {
	for _, content := range []string{
		`{}`, `{"auths":{"ghcr.io":{"auth":"YWxpY2U6aHVudGVyMi1odW50ZXIy"}}}`, `{"auths":{"ghcr.io":{"auth":"hunter2-hunter2"}}}`,
		`{"auths":{"https://ghcr.io/v2/":{"username":"a","password":"b\n::add-mask::x"}}}`, `{"auths":{"ghcr.io/acme":{"identitytoken":"x"},"ghcr.io":null}}`,
		`{"credsStore":"desktop","auths":{"ghcr.io":{}}}`, `{"credHelpers":{"ghcr.io":"::error::x"}}`, `{"auths":{"://":{"auth":"Og=="}}}`,
		`[]`, `null`, "\xff", `{"auths":[1]}`, `{"auths":{"ghcr.io":{"auth":"` + "\x00" + `"}}}`, `{"proxies":{"default":{"httpProxy":"x"}},"plugins":{"a":{"b":"c"}}}`,
	} {
		f.Add([]byte(content), "ghcr.io/acme/app:v1")
		f.Add([]byte(content), "docker.io/acme/app:v1,quay.io/a:1")
	}
	workspace := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, image string) {
		if err := os.WriteFile(filepath.Join(workspace, "config.json"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := step{"image": image, "GITHUB_WORKSPACE": workspace, "DOCKER_CONFIG": "."}
		cfg, err := config.Parse(s.getenv)
		checkMistakes(t, s, config.Inputs(), err)
		if err != nil {
			return
		}
		hosts := map[string]bool{}
		for _, img := range cfg.Images {
			hosts[img.Ref.Context().RegistryStr()] = true
		}
		for host, login := range cfg.Registry.Logins {
			if !hosts[host] || login.Password.Empty() && login.IdentityToken.Empty() {
				t.Errorf("there is a login for %s, of the images in %v", host, hosts)
			}
		}
	})
}
