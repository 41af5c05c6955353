// Package tuf serves a TUF repository that holds Sigstore's trust material, and that can go bad.
package tuf

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// A Target is a file that clients fetch.
type Target struct {
	Name    string
	Content []byte
	Usage   string // what cosign 2 uses the file for; empty if nothing
	URI     string // with Usage
}

// A Repository is complete: it has one version of everything, unless its state has more.
type Repository struct {
	anchor []byte
	views  map[State]view

	mu    sync.Mutex
	state State
}

// A view is what a repository serves in a state: the content of a path, or nil.
type view func(path string) []byte

// New signs a repository of the targets. It is good.
func New(targets []Target) (*Repository, error) {
	author, err := newAuthor()
	if err != nil {
		return nil, err
	}
	good, err := author.release(targets)
	if err != nil {
		return nil, err
	}
	views, err := author.views(good, targets)
	if err != nil {
		return nil, err
	}
	return &Repository{anchor: good[rootName(1)], views: views, state: Good}, nil
}

// Root is 1.root.json, where a client's trust starts. It is good in every state.
func (r *Repository) Root() []byte { return r.anchor }

// SetState has the repository go into a state, for every request that comes from now on.
func (r *Repository) SetState(state State) error {
	if r.views[state] == nil {
		return fmt.Errorf("unknown state %q, have %q", state, States())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
	return nil
}

func (r *Repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	serve := r.views[r.state]
	r.mu.Unlock()
	content := serve(strings.TrimPrefix(req.URL.Path, "/"))
	if content == nil {
		http.NotFound(w, req) // how a client learns that there is no newer root
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(content) // the client may have gone
}
