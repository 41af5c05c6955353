package front

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// holdLimit is how long who asks for a held request waits for one.
const holdLimit = 30 * time.Second

// A hold keeps requests from the server until it is released, so that a test decides which of
// two runs is first. Faults of one name share a hold.
type hold struct {
	held     chan struct{} // takes a value from every request that is held, again and again
	released chan struct{} // closed by the release
}

// wait reports whether the hold was released before the client was gone.
func (h *hold) wait(ctx context.Context) bool {
	for {
		select {
		case h.held <- struct{}{}: // someone wanted to know of us
		case <-h.released:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// holdNamed is the hold of a name, a new one if there is none. f.mu is locked.
func (f *Front) holdNamed(name string) *hold {
	if f.holds == nil {
		f.holds = map[string]*hold{}
	}
	if f.holds[name] == nil {
		f.holds[name] = &hold{held: make(chan struct{}), released: make(chan struct{})}
	}
	return f.holds[name]
}

// awaitHold answers when a request is held: 204, or 408 if none came in time, or 404 if there
// is no such hold to wait for.
func (f *Front) awaitHold(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f.mu.Lock()
	awaited := f.holds[name]
	f.mu.Unlock()
	if awaited == nil {
		unknownHold(w, name)
		return
	}
	timer := time.NewTimer(holdLimit)
	defer timer.Stop()
	select {
	case <-awaited.held:
		w.WriteHeader(http.StatusNoContent)
	case <-awaited.released:
		unknownHold(w, name)
	case <-timer.C:
		http.Error(w, fmt.Sprintf("no request came to hold %q in %s", name, holdLimit), http.StatusRequestTimeout)
	case <-r.Context().Done():
	}
}

// releaseHold lets the held requests go, and takes back the order for those that have not come.
func (f *Front) releaseHold(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holds[name] == nil {
		unknownHold(w, name)
		return
	}
	f.faults = slices.DeleteFunc(f.faults, func(fault *Fault) bool { return fault.Hold == name })
	close(f.holds[name].released)
	delete(f.holds, name)
	w.WriteHeader(http.StatusNoContent)
}

func unknownHold(w http.ResponseWriter, name string) {
	http.Error(w, fmt.Sprintf("no fault orders the hold %q", name), http.StatusNotFound)
}
