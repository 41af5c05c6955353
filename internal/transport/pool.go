package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	dialTimeout = 15 * time.Second
	// pingAfter is how long a connection of HTTP/2 may be silent before it is asked for a
	// sign of life: one that is dead would serve the next attempt too.
	pingAfter = 30 * time.Second
)

// pool holds the connections: those to hosts that the user or the runner has named, and those
// to hosts that an origin has sent us to, by origin.
type pool struct {
	named *http.Transport
	proxy func(*http.Request) (*url.URL, error)

	mu      sync.Mutex
	foreign map[origin]*http.Transport
	inside  map[string]bool // by the host and port that were dialed: all its addresses are of a private network
}

func newPool() *pool {
	p := &pool{proxy: http.ProxyFromEnvironment, foreign: map[origin]*http.Transport{}, inside: map[string]bool{}}
	p.named = transport(p.dialNamed)
	p.named.Proxy = func(req *http.Request) (*url.URL, error) { return p.proxy(req) }
	return p
}

func transport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		OnProxyConnectResponse: connected,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: dialTimeout},
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
	}
}

func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	o, ok := originOf(req.Context())
	if !ok || strings.EqualFold(req.URL.Host, o.host) {
		return p.named.RoundTrip(req)
	}
	if through, err := p.proxy(req); through != nil || err != nil {
		// The connection is one to the proxy.
		if address, err := netip.ParseAddr(req.URL.Hostname()); err == nil && p.refuses(o, address) {
			closeBody(req)
			return nil, refusedAddress(req.URL.Host, address)
		}
		return p.named.RoundTrip(req)
	}
	return p.of(o).RoundTrip(req)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (p *pool) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.named.CloseIdleConnections()
	for _, t := range p.foreign {
		t.CloseIdleConnections()
	}
}

// of returns the connections to hosts that o has sent us to. No other origin shares them:
// it may be sent to fewer.
func (p *pool) of(o origin) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.foreign[o] == nil {
		dialer := &net.Dialer{Timeout: dialTimeout}
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			if p.refuses(o, to.Addr()) {
				return refusedAddress(address, to.Addr())
			}
			return nil
		}
		p.foreign[o] = transport(dialer.DialContext)
	}
	return p.foreign[o]
}

func refusedAddress(host string, address netip.Addr) error {
	why := "the address is one of a private network"
	if isMetadata(address) {
		why = "the address is one that only this machine can reach"
	}
	return &RefusedError{Host: host, Why: why}
}

// dialNamed takes down where the host is.
func (p *pool) dialNamed(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if to, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		before, known := p.inside[address]
		p.inside[address] = isPrivate(to.Addr()) && (before || !known)
	}
	return conn, nil
}

// refuses reports whether o may not send us to an address.
func (p *pool) refuses(o origin, address netip.Addr) bool {
	if isMetadata(address) {
		return true
	}
	if !isPrivate(address) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.inside[o.address()]
}

// address is that of the origin, as it is dialed.
func (o origin) address() string {
	u := url.URL{Host: o.host}
	port := u.Port()
	if port == "" {
		port = "443"
		if o.scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// metadata are addresses at which clouds have what a machine may know about itself, and which
// are not of the link.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
}

// isMetadata reports whether nobody may send us to an address: it is of the link, of no
// machine, of many, or one of metadata.
func isMetadata(a netip.Addr) bool {
	a = plain(a)
	return slices.Contains(metadata, a) || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()
}

var (
	shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	nat64  = netip.MustParsePrefix("64:ff9b::/96")  // RFC 6052
)

func isPrivate(a netip.Addr) bool {
	a = plain(a)
	return a.IsLoopback() || a.IsPrivate() || shared.Contains(a)
}

// plain is the IPv4 address within one of IPv6, if there is one.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}
