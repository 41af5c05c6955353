package transport

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
)

// faults: F35
func TestRefuses(t *testing.T) {
	t.Parallel()
	outside, inside := origin{"https", "ghcr.io"}, origin{"https", "registry.corp.example:8443"}
	p := &pool{inside: map[string]bool{"registry.corp.example:8443": true, "ghcr.io:443": false}}
	for address, want := range map[string]struct{ outside, inside bool }{
		"140.82.121.34":        {false, false},
		"2606:50c0:8000::154":  {false, false},
		"10.1.2.3":             {true, false},
		"172.16.0.1":           {true, false},
		"192.168.1.1":          {true, false},
		"100.64.0.1":           {true, false},
		"127.0.0.53":           {true, false},
		"::1":                  {true, false},
		"fd12::1":              {true, false},
		"::ffff:10.1.2.3":      {true, false},
		"64:ff9b::10.1.2.3":    {true, false},
		"64:ff9b::140.82.1.1":  {false, false},
		"169.254.169.254":      {true, true},
		"::ffff:169.254.1.1":   {true, true},
		"64:ff9b::169.254.1.1": {true, true},
		"fe80::1%eth0":         {true, true},
		"fd00:ec2::254":        {true, true},
		"168.63.129.16":        {true, true},
		"100.100.100.200":      {true, true},
		"0.0.0.0":              {true, true},
		"224.0.0.1":            {true, true},
	} {
		a := netip.MustParseAddr(address)
		if got := p.refuses(outside, a); got != want.outside {
			t.Errorf("%s from outside: refused is %t", address, got)
		}
		if got := p.refuses(inside, a); got != want.inside {
			t.Errorf("%s from inside: refused is %t", address, got)
		}
	}
}

// TestProxy: the proxy is asked for names, and it may be in the private network; an address
// that is written as such is refused before.
//
// faults: F65
func TestProxy(t *testing.T) {
	t.Parallel()
	sent := errors.New("sent to the proxy")
	p := newPool()
	p.proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "10.0.0.1:3128"}, nil }
	p.named = &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, sent }}
	from := From("https", "ghcr.io", p)
	for target, refused := range map[string]bool{
		"https://cdn.example/":            false,
		"https://169.254.169.254/latest/": true,
		"https://[fd00:ec2::254]/":        true,
		"https://10.1.2.3/":               true,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = from.RoundTrip(req)
		if _, got := errors.AsType[*RefusedError](err); got != refused || errors.Is(err, sent) == refused {
			t.Errorf("%s: error %v", target, err)
		}
	}
}
