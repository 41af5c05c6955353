// Package stack puts the sandbox together: the servers once, and jobs in front of them.
//
// A job is what one test works with. It has ports of its own, so it has its own record of
// requests and its own faults, while keys, logs and registries are everyone's.
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"

	"seal-image/internal/sandbox/front"
	"seal-image/internal/sandbox/loopback"
	"seal-image/internal/sandbox/oidc"
	"seal-image/internal/sandbox/registry"
	"seal-image/internal/sandbox/sigstore"
)

// A Stack is the running servers.
type Stack struct {
	dir     string
	servers *loopback.Group
	issuer  *oidc.Issuer
	trust   *sigstore.Trust
	shared  map[front.Service]http.Handler            // what all jobs are in front of
	lies    map[front.Service]map[string]http.Handler // what may answer in its place
	writer  registry.Account
	reader  registry.Account
}

// started guards what there is one of in a process: the configuration of Rekor and of the
// timestamp authority, and http.DefaultTransport, which leads to the issuer.
var started atomic.Bool

// Options are where the servers are, and what they have.
type Options struct {
	Dir     string     // that they write to
	Address netip.Addr // of this machine; 127.0.0.1 for the zero value
	Layouts string     // folder of OCI layouts whose blobs the registry with the referrers API has; empty: none
}

// Start starts the servers. A process can do it once.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if started.Swap(true) {
		return nil, errors.New("this process has started a stack before")
	}
	s := &Stack{
		dir:     o.Dir,
		servers: &loopback.Group{Address: o.Address},
		writer:  registry.Account{Username: "writer", Password: rand.Text(), Push: true},
		reader:  registry.Account{Username: "reader", Password: rand.Text()},
	}
	if err := s.start(ctx, o.Layouts); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close stops the servers and the fronts of all jobs.
func (s *Stack) Close() error { return s.servers.Close() }

func (s *Stack) start(ctx context.Context, layouts string) error {
	var err error
	if s.issuer, err = oidc.New(); err != nil {
		return err
	}
	if err := s.issuer.Impersonate(ctx, s.servers); err != nil {
		return err
	}
	servers, err := sigstore.Start(ctx, s.servers, s.dir)
	if err != nil {
		return err
	}
	s.trust = servers.Trust
	if s.lies, err = s.makeLies(servers); err != nil {
		return err
	}
	stocked := registry.NewWithReferrers()
	stocked.Stock(layouts)
	s.shared = map[front.Service]http.Handler{
		front.Fulcio:                   servers.Fulcio,
		front.Rekor:                    servers.Rekor,
		front.Rekor2:                   servers.Rekor2,
		front.TSA:                      servers.Timestamp,
		front.Registry:                 stocked,
		front.RegistryWithoutReferrers: registry.New(),
		front.RegistryWithLogin:        registry.NewLogin(registry.NewWithReferrers(), s.writer, s.reader),
		front.RegistryWithBasicAuth:    registry.NewBasicLogin(registry.NewWithReferrers(), s.writer, s.reader),
		front.RegistryDistribution:     registry.NewDistribution(ctx),
		front.RegistryGHCR:             registry.NewGHCR(),
		front.RegistryGitLab:           registry.NewGitLab(),
		front.RegistryECR:              registry.NewECR(),
		front.RegistryJFrog:            registry.NewJFrog(),
		front.RegistryQuay:             registry.NewQuay(),
		front.RegistryHarbor:           registry.NewHarbor(),
		front.RegistryEventual:         registry.NewEventual(),
	}
	return nil
}
