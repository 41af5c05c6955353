package registry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// lag is the time until an Eventual registry serves what it was given.
const lag = 1500 * time.Millisecond

// Eventual takes a manifest at once and serves it later, as a registry does whose answers come
// from a replica. Until then it answers what it did before, in the listing of the referrers API
// as well. An image that gets a tag is there at once, so that a test need not wait for it.
//
// https://github.com/docker/actions-toolkit/issues/1207
type Eventual struct {
	*Registry
	mu   sync.Mutex
	late []latePut // in the order of their arrival
}

// A latePut is the request for a manifest that was promised and is not stored.
type latePut struct {
	due     time.Time
	at      location
	subject bool // the manifest refers to another
	request *http.Request
}

// NewEventual makes an empty registry.
func NewEventual() *Eventual { return &Eventual{Registry: NewWithReferrers()} }

func (e *Eventual) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	e.store(func(late latePut) bool { return !now.Before(late.due) })

	at := parsePath(req.URL.Path)
	if isPut(req, at) {
		m, raw := peek(req)
		if m.Subject != nil || !at.isTag() || strings.HasPrefix(at.reference, "sha256-") {
			e.promise(w, req, at, raw)
			return
		}
		// What the image consists of came by digest.
		e.store(func(late latePut) bool {
			return late.at.repository == at.repository && !late.at.isTag() && !late.subject
		})
	}
	e.Registry.ServeHTTP(w, req)
}

// promise answers as if the manifest were stored. Whether the registry has the manifests that an
// index names shows later, unlike all other reasons to refuse it.
func (e *Eventual) promise(w http.ResponseWriter, req *http.Request, at location, raw []byte) {
	m, descriptor, refused := e.check(req.Context(), raw, at)
	if refused != nil {
		refused.write(w)
		return
	}
	request := req.Clone(context.WithoutCancel(req.Context()))
	request.Body = io.NopCloser(bytes.NewReader(raw))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.late = append(e.late, latePut{time.Now().Add(lag), at, m.Subject != nil, request})

	if m.Subject != nil {
		w.Header().Set("OCI-Subject", m.Subject.Digest.String())
	}
	w.Header().Set("Docker-Content-Digest", descriptor.Digest.String())
	w.WriteHeader(http.StatusCreated)
}

// store stores what was promised and is chosen.
func (e *Eventual) store(chosen func(latePut) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var left []latePut
	for _, late := range e.late {
		if !chosen(late) {
			left = append(left, late)
			continue
		}
		e.Registry.ServeHTTP(unread{}, late.request)
	}
	e.late = left
}
