package config

import (
	"bytes"
	"cmp"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"

	"seal-image/internal/secret"
)

const (
	dockerConfigName = "config.json"
	maxDockerBytes   = 1 << 20
)

// dockerConfig are the logins of docker's config.json. It never asks a credential helper:
// that is a program of the runner, and the library would start one by its name.
type dockerConfig struct{ file *configfile.ConfigFile }

// dockerConfig reads the config.json that `docker-config` names, else DOCKER_CONFIG. It is
// empty if there is none, and on a mistake.
func (r *reader) dockerConfig() dockerConfig {
	file := configfile.New("")
	if err := file.LoadFromReader(bytes.NewReader(r.dockerFile())); err != nil {
		// The error stays here: it may quote a piece of the file.
		r.wrong("docker-config", r.dockerSource()+" is not one of docker: JSON, with the base64 of user:password in each `auth`", dockerConfigExample)
		return dockerConfig{file: configfile.New("")}
	}
	return dockerConfig{file: file}
}

// dockerSource is what the user knows config.json by.
func (r *reader) dockerSource() string {
	if v := r.text("docker-config"); v != "" {
		return "the config.json of " + quote(v)
	}
	return "the config.json of DOCKER_CONFIG"
}

// dockerFile is the content of config.json; nil if there is none, and on a mistake.
func (r *reader) dockerFile() []byte {
	v := r.text("docker-config")
	if v == "" {
		dir := r.getenv("DOCKER_CONFIG")
		if dir == "" {
			return nil
		}
		return r.readDocker(os.DirFS(r.absolute(dir)), dockerConfigName)
	}
	dir := r.workspace
	rel, ok := within(dir, v)
	if !ok && filepath.IsAbs(v) {
		dir = r.getenv("RUNNER_TEMP")
		rel, ok = within(dir, v)
	}
	if !ok {
		r.wrong("docker-config", quote(v)+" is a folder neither of the workspace nor of runner.temp, and the action sees no other", dockerConfigExample)
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		r.wrong("docker-config", "there is no "+quote(v)+" in the container (runners before v2.328 do not mount runner.temp)", dockerConfigExample)
		return nil
	}
	defer root.Close()
	return r.readDocker(root.FS(), path.Join(filepath.ToSlash(rel), dockerConfigName))
}

// readDocker reads config.json from a file system.
func (r *reader) readDocker(fsys fs.FS, name string) []byte {
	info, err := fs.Stat(fsys, name)
	switch {
	case missing(err) && r.text("docker-config") == "":
		return nil // the variable is not of this action: docker, too, takes it so
	case missing(err):
		r.wrong("docker-config", r.dockerSource()+" is not there", dockerConfigExample)
		return nil
	case err != nil:
		r.wrong("docker-config", r.dockerSource()+" cannot be opened; a link that leaves the workspace or runner.temp is not followed", dockerConfigExample)
		return nil
	case !info.Mode().IsRegular() || info.Size() > maxDockerBytes:
		r.wrong("docker-config", r.dockerSource()+" is not a file of at most 1 MiB", dockerConfigExample)
		return nil
	}
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		r.wrong("docker-config", r.dockerSource()+" cannot be read", dockerConfigExample)
	}
	return content
}

// login returns what auths has for a registry. Of several entries it takes the one for the
// shortest path: the whole registry comes before a folder of it, or a token beside it.
func (d dockerConfig) login(host string) (Login, bool) {
	shorter := func(a, b string) int {
		return cmp.Or(cmp.Compare(len(keyPath(a)), len(keyPath(b))), cmp.Compare(a, b))
	}
	for _, key := range slices.SortedFunc(maps.Keys(d.file.AuthConfigs), shorter) {
		entry := d.file.AuthConfigs[key]
		if keyHost(key) != host || (entry.Password == "" && entry.IdentityToken == "") {
			continue
		}
		return Login{
			Username:      entry.Username,
			Password:      secret.New(entry.Password),
			IdentityToken: secret.New(entry.IdentityToken),
		}, true
	}
	return Login{}, false
}

// needsHelper reports whether a registry without a login of its own has one with a
// credential helper. credsStore alone says nothing of a registry; docker marks what it
// stored there by an empty entry.
func (d dockerConfig) needsHelper(host string) bool {
	return names(d.file.CredentialHelpers, host) ||
		d.file.CredentialsStore != "" && names(d.file.AuthConfigs, host)
}

// names reports whether a key of m is of this registry.
func names[V any](m map[string]V, host string) bool {
	for key := range m {
		if keyHost(key) == host {
			return true
		}
	}
	return false
}

// keyHost is the registry of a key of auths, as references have it.
func keyHost(key string) string {
	host := credentials.ConvertToHostname(key)
	if host == "docker.io" {
		return "index.docker.io"
	}
	return host
}

// keyPath is what follows the host in a key of auths, without the version of the API.
func keyPath(key string) string {
	if _, rest, ok := strings.Cut(key, "://"); ok {
		key = rest
	}
	_, path, _ := strings.Cut(key, "/")
	switch path = strings.Trim(path, "/"); path {
	case "v1", "v2":
		return ""
	}
	return path
}
