package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"seal-image/internal/transport"
)

// redirects leads from each URL to the next.
func redirects(asked *atomic.Int32, status int, urls ...string) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		asked.Add(1)
		w := httptest.NewRecorder()
		for i, u := range urls {
			if u == req.URL.String() && i+1 < len(urls) {
				w.Header().Set("Location", urls[i+1])
				w.WriteHeader(status)
			}
		}
		resp := w.Result()
		resp.Request = req
		return resp, nil
	}
}

// faults: F35
func TestRedirects(t *testing.T) {
	t.Parallel()
	const registry, cdn = "https://registry.test/v2/", "https://cdn.test/"
	var loop []string
	for i := range 7 {
		loop = append(loop, fmt.Sprintf("%s%d", cdn, i))
	}
	for name, tt := range map[string]struct {
		named bool // no origin: Fulcio and its like
		body  io.Reader
		urls  []string
		asked int32
		why   string // empty: it arrives
	}{
		"service":            {named: true, urls: []string{registry, cdn}, asked: 1, why: "redirects are not followed"},
		"service, same host": {named: true, urls: []string{registry, registry + "x"}, asked: 1, why: "redirects are not followed"},
		"layer":              {urls: []string{registry, cdn}, asked: 2},
		"same host":          {urls: []string{registry, registry + "x"}, asked: 2},
		"five":               {urls: append([]string{registry}, loop[:5]...), asked: 6},
		"six":                {urls: append([]string{registry}, loop[:6]...), asked: 6, why: "it is redirect number 6"},
		"to http":            {urls: []string{registry, "http://cdn.test/"}, asked: 1, why: "it would go by http, and registry.test is asked by https"},
		"to http at home":    {urls: []string{registry, "http://registry.test/v2/"}, asked: 1, why: "it would go by http, and registry.test is asked by https"},
		"to something else":  {urls: []string{registry, "ftp://cdn.test/"}, asked: 1, why: "it would go by ftp, and registry.test is asked by https"},
		"with a body":        {body: strings.NewReader("grant_type=password"), urls: []string{registry, cdn}, asked: 1, why: "it is a redirect to another host, and has a body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			var rt http.RoundTripper = transport.New(transport.Options{Base: redirects(&asked, http.StatusTemporaryRedirect, tt.urls...), Log: discard})
			if !tt.named {
				rt = transport.From("https", "registry.test", rt)
			}
			method := http.MethodGet
			if tt.body != nil {
				method = http.MethodPost
			}
			resp, err := (&http.Client{Transport: rt}).Do(request(t, method, tt.urls[0], tt.body))
			if err == nil {
				resp.Body.Close()
			}
			refused, ok := errors.AsType[*transport.RefusedError](err)
			if ok != (tt.why != "") || (ok && refused.Why != tt.why) || asked.Load() != tt.asked {
				t.Errorf("%d requests, error %v; want %d, %q", asked.Load(), err, tt.asked, tt.why)
			}
		})
	}
}

// TestAddresses: a server that is not in a private network sends nobody there, by address or
// by name; one that is there may.
//
// faults: F35
func TestAddresses(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	count := func(http.ResponseWriter, *http.Request) { reached.Add(1) }
	home, other := serve(t, count), serve(t, count)
	port := must(url.Parse(other.URL)).Port()
	byName := "http://localhost:" + port
	rt := transport.New(transport.Options{Log: discard})

	for _, target := range []string{other.URL, byName, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port} {
		_, err := (&http.Client{Transport: transport.From("http", "registry.test", rt)}).Do(request(t, http.MethodGet, target, nil))
		if _, ok := errors.AsType[*transport.RefusedError](err); !ok {
			t.Errorf("%s from outside: error %v", target, err)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("%d requests arrived", reached.Load())
	}

	inside := &http.Client{Transport: transport.From("http", must(url.Parse(home.URL)).Host, rt)}
	for _, target := range []string{home.URL, other.URL, byName} {
		get(t, inside, target)
	}
	if reached.Load() != 3 {
		t.Errorf("%d requests arrived, want 3", reached.Load())
	}
	for _, target := range []string{"http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://0.0.0.0:" + port} {
		_, err := inside.Do(request(t, http.MethodGet, target, nil))
		if _, ok := errors.AsType[*transport.RefusedError](err); !ok {
			t.Errorf("%s from inside: error %v", target, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
