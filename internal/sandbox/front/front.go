// Package front stands before the servers of one job: it writes down every request, and spoils
// those that a fault was ordered for. It does not know what the servers do.
package front

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Service is the name of a server, in requests and in faults.
type Service string

// The services that a job's clients talk to.
const (
	Fulcio                   Service = "fulcio"
	Rekor                    Service = "rekor"
	Rekor2                   Service = "rekor2"
	TSA                      Service = "tsa"
	TUF                      Service = "tuf"
	OIDC                     Service = "oidc"
	Results                  Service = "results" // GitHub's artifact service
	Blobs                    Service = "blobs"   // where it has artifacts uploaded to
	GitHubAPI                Service = "github-api"
	Registry                 Service = "registry"
	RegistryWithoutReferrers Service = "registry_without_referrers"
	RegistryWithLogin        Service = "registry_with_login"
	RegistryWithBasicAuth    Service = "registry-with-basic-auth"
	RegistryDistribution     Service = "registry-distribution"
	RegistryGHCR             Service = "registry-ghcr"
	RegistryGitLab           Service = "registry-gitlab"
	RegistryECR              Service = "registry-ecr"
	RegistryJFrog            Service = "registry-jfrog"
	RegistryQuay             Service = "registry-quay"
	RegistryHarbor           Service = "registry-harbor"
	RegistryEventual         Service = "registry-eventual"
)

// Services returns every service.
func Services() []Service {
	return []Service{
		Fulcio, Rekor, Rekor2, TSA, TUF, OIDC, Results, Blobs, GitHubAPI,
		Registry, RegistryWithoutReferrers, RegistryWithLogin, RegistryWithBasicAuth, RegistryDistribution,
		RegistryGHCR, RegistryGitLab, RegistryECR, RegistryJFrog, RegistryQuay, RegistryHarbor, RegistryEventual,
	}
}

// A Front holds the requests and the faults of one job. Its zero value is ready to use, and knows
// no lies.
type Front struct {
	// Lies are the servers that a fault may have answer in place of the true one, by name.
	Lies map[Service]map[string]http.Handler

	mu       sync.Mutex
	requests []*Request
	faults   []*Fault
	holds    map[string]*hold // that are not released, by name
}

// Wrap puts the front before the server of a service.
func (f *Front) Wrap(service Service, server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, fault := f.arrive(service, r)
		answer := &answer{ResponseWriter: w, front: f, request: seen}
		if r.ContentLength < 0 {
			r.Body = &countedBody{ReadCloser: r.Body, front: f, request: seen}
		}
		fault.serve(answer, r, server)
		answer.settle(http.StatusOK) // a handler that writes nothing answers 200
	})
}

// Control serves the record of requests and takes orders for faults.
func (f *Front) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /requests", f.listRequests)
	mux.HandleFunc("DELETE /requests", f.forgetRequests)
	mux.HandleFunc("POST /faults", f.addFault)
	mux.HandleFunc("DELETE /faults", f.removeFaults)
	mux.HandleFunc("GET /holds/{name}", f.awaitHold)
	mux.HandleFunc("DELETE /holds/{name}", f.releaseHold)
	return mux
}

// arrive writes a request down and takes the first fault that waits for one like it.
func (f *Front) arrive(service Service, r *http.Request) (*Request, Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := newRequest(service, r)
	f.requests = append(f.requests, seen)
	i := slices.IndexFunc(f.faults, func(fault *Fault) bool {
		return fault.matches(service, r) && !fault.spares(service, time.Now())
	})
	if i < 0 {
		return seen, Fault{}
	}
	fault := f.faults[i]
	seen.Fault = fault.name()
	if fault.Times == 1 {
		f.faults = slices.Delete(f.faults, i, i+1)
	}
	if fault.Times > 1 {
		fault.Times--
	}
	return seen, *fault
}

func (f *Front) listRequests(w http.ResponseWriter, r *http.Request) {
	service := Service(r.URL.Query().Get("service"))
	if service != "" && !slices.Contains(Services(), service) {
		http.Error(w, fmt.Sprintf("unknown service %q", service), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false) // queries have ampersands
	for _, request := range f.snapshot() {
		if service != "" && service != request.Service {
			continue
		}
		if err := lines.Encode(request); err != nil {
			return // the client has gone
		}
	}
}

func (f *Front) forgetRequests(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
	w.WriteHeader(http.StatusNoContent)
}

func (f *Front) addFault(w http.ResponseWriter, r *http.Request) {
	fault, err := parseFault(http.MaxBytesReader(w, r.Body, faultLimit))
	if err == nil {
		err = f.findLiar(fault)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.Hold != "" {
		fault.hold = f.holdNamed(fault.Hold)
	}
	f.faults = append(f.faults, fault)
	w.WriteHeader(http.StatusNoContent)
}

func (f *Front) findLiar(fault *Fault) error {
	if fault.Lie == "" {
		return nil
	}
	fault.liar = f.Lies[fault.Service][fault.Lie]
	if fault.liar == nil {
		return fmt.Errorf("unknown lie %q of %s, have %q", fault.Lie, fault.Service, slices.Sorted(maps.Keys(f.Lies[fault.Service])))
	}
	return nil
}

// removeFaults takes every order back, and lets go the requests that are held.
func (f *Front) removeFaults(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
	for _, held := range f.holds {
		close(held.released)
	}
	f.holds = nil
	w.WriteHeader(http.StatusNoContent)
}

func (f *Front) snapshot() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	requests := make([]Request, len(f.requests))
	for i, request := range f.requests {
		requests[i] = *request
	}
	return requests
}
