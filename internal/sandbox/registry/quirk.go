package registry

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// isPut is for a request that stores a manifest.
func isPut(req *http.Request, at location) bool {
	return at.kind == "manifests" && req.Method == http.MethodPut
}

// isTag tells a tag from a digest.
func (l location) isTag() bool { return !strings.Contains(l.reference, ":") }

// peek returns the manifest that a request stores, and leaves it there to be read again. What
// is no manifest gives an empty one: the registry will refuse it.
func peek(req *http.Request) (m manifest, raw []byte) {
	raw, _ = io.ReadAll(io.LimitReader(req.Body, manifestLimit)) // who reads on gets the error again
	_ = json.Unmarshal(raw, &m)
	body := io.MultiReader(bytes.NewReader(raw), req.Body)
	req.Body = struct {
		io.Reader
		io.Closer
	}{body, req.Body}
	return m, raw
}

// digestOf is the digest of the manifest that a tag or a digest names, or empty if there is none.
func (r *Registry) digestOf(req *http.Request, at location) string {
	head := readFrom(req, at)
	head.Method = http.MethodHead
	answer := unread{}
	r.inner.ServeHTTP(answer, head)
	return answer.Header().Get("Docker-Content-Digest") // set on success alone
}

// readFrom is the request for another manifest.
func readFrom(req *http.Request, at location) *http.Request {
	other := req.Clone(req.Context())
	other.URL.Path = "/v2/" + at.repository + "/manifests/" + at.reference
	return other
}

// unread is the answer that no client gets: the header alone is kept.
type unread http.Header

func (u unread) Header() http.Header       { return http.Header(u) }
func (unread) Write(b []byte) (int, error) { return len(b), nil }
func (unread) WriteHeader(int)             {}
