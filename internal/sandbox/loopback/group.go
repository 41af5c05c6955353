// Package loopback serves on free ports of this machine, those of 127.0.0.1 if not told
// otherwise, and stops everything at once.
package loopback

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
)

const headerTimeout = 10 * time.Second

// A Group is a set of servers that live and end together. Its zero value is ready to use.
type Group struct {
	// Address is that of an interface of this machine; the zero value is 127.0.0.1.
	Address netip.Addr

	mu      sync.Mutex
	closers []func() error
	serving sync.WaitGroup
}

// HTTP serves h and returns its address, host:port.
func (g *Group) HTTP(ctx context.Context, h http.Handler) (string, error) {
	l, err := g.listen(ctx)
	if err != nil {
		return "", err
	}
	g.serveHTTP(l, h)
	return l.Addr().String(), nil
}

// HTTPS serves h under the certificate and returns its address, host:port.
func (g *Group) HTTPS(ctx context.Context, h http.Handler, cert tls.Certificate) (string, error) {
	l, err := g.listen(ctx)
	if err != nil {
		return "", err
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	g.serveHTTP(tls.NewListener(l, config), h)
	return l.Addr().String(), nil
}

// GRPC serves s and returns its address, host:port.
func (g *Group) GRPC(ctx context.Context, s *grpc.Server) (string, error) {
	l, err := g.listen(ctx)
	if err != nil {
		return "", err
	}
	g.OnClose(func() error {
		s.Stop()
		return nil
	})
	g.serving.Go(func() { _ = s.Serve(l) }) // ends with Stop
	return l.Addr().String(), nil
}

// OnClose has f called by [Group.Close], the last one first.
func (g *Group) OnClose(f func() error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closers = append(g.closers, f)
}

// Go runs f beside the servers; Close waits for it, so something must end it.
func (g *Group) Go(f func()) { g.serving.Go(f) }

// Close cuts every connection, and returns when every server has stopped.
func (g *Group) Close() error {
	g.mu.Lock()
	closers := g.closers
	g.closers = nil
	g.mu.Unlock()

	var errs []error
	for _, closer := range slices.Backward(closers) {
		errs = append(errs, closer())
	}
	g.serving.Wait()
	return errors.Join(errs...)
}

func (g *Group) serveHTTP(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout}
	g.OnClose(s.Close)
	g.serving.Go(func() { _ = s.Serve(l) }) // ends with Close
}

func (g *Group) listen(ctx context.Context) (net.Listener, error) {
	address := g.Address
	if !address.IsValid() {
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(address, 0).String())
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}
