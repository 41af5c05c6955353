package registry

import (
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// overloaded is the part of GHCR's site that requests for referrers end up in.
const overloaded = "/-"

// GHCR redirects a request for referrers to where it is refused with 429, as ghcr.io has done.
// It has no referrers API, and takes the listing under a tag. Who asks for a blob is sent to
// another host, as most registries do; it has another name for the same address here.
//
// https://github.com/artifacthub/hub/issues/4785
type GHCR struct{ *Registry }

// NewGHCR makes an empty registry.
func NewGHCR() *GHCR { return &GHCR{New()} }

func (g *GHCR) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case parsePath(req.URL.Path).kind == "referrers":
		http.Redirect(w, req, overloaded+req.URL.RequestURI(), http.StatusSeeOther)
	case strings.HasPrefix(req.URL.Path, overloaded+"/"):
		(&refusal{http.StatusTooManyRequests, "TOOMANYREQUESTS", "retry later"}).write(w)
	case parsePath(req.URL.Path).kind == "blobs" && req.Method == http.MethodGet && !strings.HasPrefix(req.Host, "localhost:"):
		_, port, _ := strings.Cut(req.Host, ":")
		http.Redirect(w, req, "http://localhost:"+port+req.URL.RequestURI(), http.StatusTemporaryRedirect)
	default:
		g.Registry.ServeHTTP(w, req)
	}
}

// GitLab serves a manifest under the tag that its listing would have, whatever was stored
// there. It has no referrers API.
//
// https://github.com/oras-project/oras-go/issues/1396
type GitLab struct{ *Registry }

// NewGitLab makes an empty registry.
func NewGitLab() *GitLab { return &GitLab{New()} }

func (g *GitLab) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := parsePath(req.URL.Path)
	subject, isListing := subjectOf(at)
	if readOnly(req) && isListing && g.digestOf(req, subject) != "" {
		req = readFrom(req, subject)
	}
	g.Registry.ServeHTTP(w, req)
}

// subjectOf is the manifest whose listing stands at the tag, as clients agree where there is no
// referrers API.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
func subjectOf(at location) (location, bool) {
	digest, err := v1.NewHash(strings.Replace(at.reference, "-", ":", 1))
	if at.kind != "manifests" || !at.isTag() || err != nil {
		return location{}, false
	}
	return location{at.repository, at.kind, digest.String()}, true
}
