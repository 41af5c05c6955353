package config

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"

	"seal-image/internal/secret"
)

// Registry is how to talk to the registries of the images.
type Registry struct {
	// Logins are by registry, as [name.Registry.RegistryStr] has it, e.g. index.docker.io.
	// A registry that is not in it gets no credentials.
	Logins map[string]Login
}

// Login is what to send to one registry: a password, or an identity token.
type Login struct {
	Username string
	Password secret.String
	// IdentityToken is what some registries (Azure's) hand out for a password, as docker's
	// config.json keeps it. Username may be empty then.
	IdentityToken secret.String
}

// Secrets returns every password and token of the logins in each form that servers are sent or
// may quote, once, for the log to hide: as it is, as in an Authorization header, as in a URL.
func (r Registry) Secrets() []secret.String {
	var forms []string
	for _, host := range slices.Sorted(maps.Keys(r.Logins)) {
		login := r.Logins[host]
		if p := login.Password.Reveal(); p != "" {
			forms = append(forms, p, base64.StdEncoding.EncodeToString([]byte(login.Username+":"+p)))
		}
		forms = append(forms, login.IdentityToken.Reveal())
		for _, s := range []string{login.Password.Reveal(), login.IdentityToken.Reveal()} {
			inUser := strings.TrimPrefix(url.UserPassword("", s).String(), ":")
			forms = append(forms, url.QueryEscape(s), url.PathEscape(s), inUser, base64.StdEncoding.EncodeToString([]byte(s)))
		}
	}
	var out []secret.String
	for i, s := range forms {
		if s != "" && !slices.Contains(forms[:i], s) {
			out = append(out, secret.New(s))
		}
	}
	return out
}

// dockerConfigExample is the right line for a login that no other input can give.
const dockerConfigExample = "docker-config: ${{ runner.temp }}/docker   # the DOCKER_CONFIG of docker/login-action, without credsStore"

// registry decides who serves each registry of the images: docker's config.json, else the
// job's token where it is GitHub's; `registry-username` serves the one that is left, or
// the only one there is.
func (r *reader) registry(images []Image, job Job) Registry {
	hosts := registries(images)
	docker := r.dockerConfig()
	logins := map[string]Login{}
	for _, host := range hosts {
		if login, ok := docker.login(host); ok {
			logins[host] = login
		} else if token := r.text("github-token"); token != "" && host == job.containerRegistry() {
			logins[host] = Login{Username: job.Actor, Password: secret.New(token)}
		}
	}
	r.assign(hosts, logins)
	for _, host := range hosts {
		if _, served := logins[host]; !served && docker.needsHelper(host) {
			r.wrong("docker-config", r.dockerSource()+" leaves the login of "+host+" to a credential helper, and a container action has none",
				dockerConfigExample+"; or registry-username and registry-password")
		}
	}
	return Registry{Logins: logins}
}

// assign adds the login of `registry-username` to logins, for the one of hosts that it is for.
func (r *reader) assign(hosts []string, logins map[string]Login) {
	login, ok := r.explicitLogin()
	if !ok {
		return
	}
	left := slices.DeleteFunc(slices.Clone(hosts), func(host string) bool {
		_, served := logins[host]
		return served && len(hosts) > 1
	})
	switch {
	case len(left) == 1:
		logins[left[0]] = login
	case len(left) > 1:
		r.wrong("registry-username", "it is for one registry, and several have no other login: "+strings.Join(left, ", "), dockerConfigExample)
	case !r.mistaken("image"): // or the one that it is for may be the one that is misspelled
		r.wrong("registry-username", "every registry of `image` has a login already: "+strings.Join(hosts, ", "),
			dockerConfigExample+"; and no registry-username, no registry-password")
	}
}

// explicitLogin reads `registry-username` and `registry-password`. It is false if there is
// none, and on a mistake.
func (r *reader) explicitLogin() (Login, bool) {
	login := Login{Username: r.text("registry-username"), Password: secret.New(r.text("registry-password"))}
	switch {
	case login.Username != "" && login.Password.Empty():
		r.wrong("registry-password", "registry-username is set without it (is the secret available to this workflow?)", "registry-password: ${{ secrets.REGISTRY_PASSWORD }}")
	case login.Username == "" && !login.Password.Empty():
		r.wrong("registry-username", "registry-password is set without it", "registry-username: ${{ vars.REGISTRY_USERNAME }}")
	}
	return login, login.Username != "" && !login.Password.Empty()
}
