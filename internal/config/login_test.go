package config_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/config"
	"seal-image/internal/secret"
)

func login(user, password string) config.Login {
	return config.Login{Username: user, Password: secret.New(password)}
}

func basic(pair string) string { return base64.StdEncoding.EncodeToString([]byte(pair)) }

// TestRegistryLogin checks above all where the job's token does not go.
func TestRegistryLogin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		with           step
		host           string
		user, password string
	}{
		"ghcr.io on github.com": {
			with: step{"image": "ghcr.io/acme/app:v1"},
			host: "ghcr.io", user: "octocat", password: "job-token",
		},
		"ghcr.io, server unknown": {
			with: step{"image": "ghcr.io/acme/app:v1", "GITHUB_SERVER_URL": ""},
			host: "ghcr.io", user: "octocat", password: "job-token",
		},
		"containers on an own server": {
			with: step{"image": "containers.ghe.acme.dev/acme/app:v1", "GITHUB_SERVER_URL": "https://ghe.acme.dev/"},
			host: "containers.ghe.acme.dev", user: "octocat", password: "job-token",
		},
		"containers on ghe.com": {
			with: step{"image": "containers.acme.ghe.com/acme/app:v1", "GITHUB_SERVER_URL": "https://acme.ghe.com"},
			host: "containers.acme.ghe.com", user: "octocat", password: "job-token",
		},
		"explicit credentials win": {
			with: step{"image": "ghcr.io/acme/app:v1", "registry-username": "alice", "registry-password": "secret"},
			host: "ghcr.io", user: "alice", password: "secret",
		},
		"explicit credentials elsewhere": {
			with: step{"image": "registry.acme.dev/app:v1", "registry-username": "alice", "registry-password": "secret"},
			host: "registry.acme.dev", user: "alice", password: "secret",
		},
		"explicit credentials on Docker Hub": {
			with: step{"image": "acme/app:v1\ndocker.io/acme/app:v2", "registry-username": "alice", "registry-password": "secret"},
			host: "index.docker.io", user: "alice", password: "secret",
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
			want := map[string]config.Login{}
			if tt.host != "" {
				want[tt.host] = login(tt.user, tt.password)
			}
			if diff := cmp.Diff(want, parse(t, newStep(t, tt.with)).Registry.Logins, compare); diff != "" {
				t.Errorf("Logins (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSeveralRegistries: who serves which.
func TestSeveralRegistries(t *testing.T) {
	t.Parallel()
	const images = "ghcr.io/acme/app:v1\nregistry.acme.dev/app:v1\nacme/app:v1"
	explicit := step{"registry-username": "alice", "registry-password": "secret"}
	docker := func(hosts ...string) step {
		auths := ""
		for i, host := range hosts {
			if i > 0 {
				auths += ","
			}
			auths += fmt.Sprintf(`%q:{"auth":%q}`, host, basic("docker:"+host))
		}
		return step{"docker-config": "docker", "config.json": `{"auths":{` + auths + `}}`}
	}
	for name, tt := range map[string]struct {
		with step
		want map[string]config.Login
	}{
		"the job's token and nothing else": {
			with: step{},
			want: map[string]config.Login{"ghcr.io": login("octocat", "job-token")},
		},
		"one is left for the explicit login": {
			with: explicit.and(docker("registry.acme.dev")),
			want: map[string]config.Login{
				"ghcr.io": login("octocat", "job-token"), "registry.acme.dev": login("docker", "registry.acme.dev"),
				"index.docker.io": login("alice", "secret"),
			},
		},
		"docker's file wins over the job's token": {
			with: docker("ghcr.io", "https://index.docker.io/v1/", "unasked.dev"),
			want: map[string]config.Login{
				"ghcr.io": login("docker", "ghcr.io"), "index.docker.io": login("docker", "https://index.docker.io/v1/"),
			},
		},
		"without the job's token ghcr.io is the one left": {
			with: explicit.and(docker("registry.acme.dev", "docker.io")).and(step{"GITHUB_SERVER_URL": "https://ghe.acme.dev"}),
			want: map[string]config.Login{
				"ghcr.io": login("alice", "secret"), "registry.acme.dev": login("docker", "registry.acme.dev"),
				"index.docker.io": login("docker", "docker.io"),
			},
		},
		"the explicit login of one registry wins over docker's": {
			with: explicit.and(docker("ghcr.io")).and(step{"image": "ghcr.io/a/a:1,ghcr.io/a/b:1"}),
			want: map[string]config.Login{"ghcr.io": login("alice", "secret")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": images}.and(tt.with))
			s.write(t, "docker/config.json", s["config.json"])
			if diff := cmp.Diff(tt.want, parse(t, s).Registry.Logins, compare); diff != "" {
				t.Errorf("Logins (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{
		"image": "ghcr.io/acme/app:v1,acme.azurecr.io/app:v1,other.dev/app:v1", "docker-config": "docker",
		"registry-username": "bob", "registry-password": "a b/&@%",
	})
	s.write(t, "docker/config.json", `{"auths":{"acme.azurecr.io":{"identitytoken":"long-token"},"unasked.dev":{"auth":"`+basic("a:b")+`"}}}`)
	cfg := parse(t, s)
	var got []string
	for _, secret := range cfg.Registry.Secrets() {
		got = append(got, secret.Reveal())
	}
	want := []string{
		"long-token", basic("long-token"),
		"job-token", basic("octocat:job-token"), basic("job-token"),
		"a b/&@%", basic("bob:a b/&@%"), "a+b%2F%26%40%25", "a%20b%2F&@%25", "a%20b%2F&%40%25", basic("a b/&@%"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Secrets (-want +got):\n%s", diff)
	}
}
