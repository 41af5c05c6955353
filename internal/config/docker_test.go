package config_test

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/config"
	"seal-image/internal/secret"
)

// TestDockerConfig: what a config.json gives to registry.acme.dev, Docker Hub and ghcr.io.
func TestDockerConfig(t *testing.T) {
	t.Parallel()
	const host, hub = "registry.acme.dev", "index.docker.io"
	a, b := basic("a:pass-a"), basic("b:pass-b")
	for name, tt := range map[string]struct {
		json string
		want map[string]config.Login // without the job's token on ghcr.io
	}{
		"host":               {`{"auths":{"registry.acme.dev":{"auth":"` + a + `"}}}`, map[string]config.Login{host: login("a", "pass-a")}},
		"URL":                {`{"auths":{"https://registry.acme.dev/v2/":{"auth":"` + a + `"}}}`, map[string]config.Login{host: login("a", "pass-a")}},
		"http URL":           {`{"auths":{"http://registry.acme.dev":{"auth":"` + a + `"}}}`, map[string]config.Login{host: login("a", "pass-a")}},
		"folder":             {`{"auths":{"registry.acme.dev/team":{"auth":"` + a + `"}}}`, map[string]config.Login{host: login("a", "pass-a")}},
		"user and password":  {`{"auths":{"registry.acme.dev":{"username":"a","password":"pass-a"}}}`, map[string]config.Login{host: login("a", "pass-a")}},
		"colon in password":  {`{"auths":{"registry.acme.dev":{"auth":"` + basic("a:b:c") + `"}}}`, map[string]config.Login{host: login("a", "b:c")}},
		"Docker Hub":         {`{"auths":{"https://index.docker.io/v1/":{"auth":"` + a + `"}}}`, map[string]config.Login{hub: login("a", "pass-a")}},
		"Docker Hub, podman": {`{"auths":{"docker.io":{"auth":"` + a + `"}}}`, map[string]config.Login{hub: login("a", "pass-a")}},
		"Docker Hub, tokens beside": {
			`{"auths":{"https://index.docker.io/v1/":{"auth":"` + b + `"},"https://index.docker.io/v1/access-token":{"auth":"` + a + `"}}}`,
			map[string]config.Login{hub: login("b", "pass-b")},
		},
		"the whole registry before a folder": {
			`{"auths":{"registry.acme.dev/a":{"auth":"` + a + `"},"https://registry.acme.dev/v2/":{"auth":"` + b + `"}}}`,
			map[string]config.Login{host: login("b", "pass-b")},
		},
		"an empty entry beside a full one": {
			`{"auths":{"registry.acme.dev":{},"https://registry.acme.dev":{"auth":"` + a + `"}}}`,
			map[string]config.Login{host: login("a", "pass-a")},
		},
		"identity token": {
			`{"auths":{"registry.acme.dev":{"auth":"` + basic("0000:") + `","identitytoken":"token-a"}}}`,
			map[string]config.Login{host: {Username: "0000", IdentityToken: secret.New("token-a")}},
		},
		"a helper that need not be asked": {
			`{"credsStore":"x","credHelpers":{"registry.acme.dev":"ecr-login"},"auths":{"registry.acme.dev":{"auth":"` + a + `"}}}`,
			map[string]config.Login{host: login("a", "pass-a")},
		},
		"a helper for the registry of the job's token": {`{"credHelpers":{"ghcr.io":"x"}}`, nil},
		"a helper for a registry that is not asked":    {`{"credsStore":"x","credHelpers":{"gcr.io":"x"},"auths":{"quay.io":{}}}`, nil},
		"a store without an entry":                     {`{"credsStore":"desktop","auths":{}}`, nil},
		"a user without a password":                    {`{"auths":{"registry.acme.dev":{"username":"a"}}}`, nil},
		"another port":                                 {`{"auths":{"registry.acme.dev:8443":{"auth":"` + a + `"}}}`, nil},
		"a longer name":                                {`{"auths":{"registry.acme.dev.evil.dev":{"auth":"` + a + `"},"":{"auth":"` + a + `"}}}`, nil},
		"nothing":                                      {``, nil},
		"null":                                         {`null`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "registry.acme.dev/app:v1,acme/app:v1,ghcr.io/acme/app:v1", "docker-config": ".docker"})
			s.write(t, ".docker/config.json", tt.json)
			want := map[string]config.Login{"ghcr.io": login("octocat", "job-token")}
			maps.Copy(want, tt.want)
			if diff := cmp.Diff(want, parse(t, s).Registry.Logins, compare); diff != "" {
				t.Errorf("Logins (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDockerConfigPlace: where config.json may be.
func TestDockerConfigPlace(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	for name, tt := range map[string]struct {
		file string // where it is; WORKSPACE and TEMP stand for those folders
		with step
		user string
	}{
		"workspace":                     {"WORKSPACE/a/config.json", step{"docker-config": "./a/"}, "file"},
		"the workspace itself":          {"WORKSPACE/config.json", step{"docker-config": "."}, "file"},
		"workspace, absolute":           {"WORKSPACE/a/config.json", step{"docker-config": "WORKSPACE/a"}, "file"},
		"runner.temp":                   {"TEMP/a/config.json", step{"docker-config": "TEMP/a"}, "file"},
		"variable":                      {"TEMP/a/config.json", step{"DOCKER_CONFIG": "TEMP/a"}, "file"},
		"variable, anywhere":            {elsewhere + "/config.json", step{"DOCKER_CONFIG": elsewhere}, "file"},
		"variable, relative":            {"WORKSPACE/a/config.json", step{"DOCKER_CONFIG": "a"}, "file"},
		"variable, nothing there":       {"TEMP/a/config.json", step{"DOCKER_CONFIG": "/no/such/folder"}, ""},
		"variable, a file":              {"TEMP/a/config.json", step{"DOCKER_CONFIG": "TEMP/a/config.json"}, ""},
		"the input before the variable": {"TEMP/a/config.json", step{"docker-config": "TEMP/a", "DOCKER_CONFIG": "WORKSPACE"}, "file"},
		"none named":                    {"WORKSPACE/config.json", step{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "registry.acme.dev/app:v1"}.and(tt.with))
			place := s.places()
			s["docker-config"], s["DOCKER_CONFIG"] = place.Replace(s["docker-config"]), place.Replace(s["DOCKER_CONFIG"])
			s.write(t, filepath.FromSlash(place.Replace(tt.file)), `{"auths":{"registry.acme.dev":{"auth":"`+basic("file:secret")+`"}}}`)
			if got := parse(t, s).Registry.Logins["registry.acme.dev"].Username; got != tt.user {
				t.Errorf("user %q, want %q", got, tt.user)
			}
		})
	}
}
