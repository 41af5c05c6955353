package transport

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// maxHops bounds the redirects of one request.
const maxHops = 5

// A RefusedError is a request that is not sent, because of where it would go.
type RefusedError struct {
	Host string // to which it would go
	Why  string // half a sentence, e.g. "redirects are not followed"
}

// Error is half a sentence.
func (e *RefusedError) Error() string { return "not sent to " + e.Host + ": " + e.Why }

// origin is a server that may send us to other places.
type origin struct{ scheme, host string }

type originKey struct{}

func originOf(ctx context.Context) (origin, bool) {
	o, ok := ctx.Value(originKey{}).(origin)
	return o, ok
}

// From returns a RoundTripper for all that a server sends us to, and for the server itself:
// redirects, the realm of its tokens, the location of an upload. A server that is not trusted
// could else have us ask what only this machine can reach. scheme and host, with its port
// if it has one, are the server's.
//
// Requests to other hosts go to https alone, unless the server is asked by http itself, and
// after five redirects no further. They never go to an address of the link, where clouds have
// their metadata, and to one of this machine or of a private network only if the server is
// there too. That is looked at when the connection is made, so that a name does not help.
// With HTTPS_PROXY it is the proxy that resolves names and has to refuse them; addresses that
// are written as such are refused here.
func From(scheme, host string, next http.RoundTripper) http.RoundTripper {
	o := origin{scheme, host}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.WithValue(req.Context(), originKey{}, o)))
	})
}

// mayGo refuses a request because of its scheme, or because it is a redirect.
func mayGo(req *http.Request) error {
	o, ok := originOf(req.Context())
	hops := hops(req)
	why := ""
	switch {
	case hops == 0 && !ok:
	case !ok:
		why = "redirects are not followed"
	case hops > maxHops:
		why = fmt.Sprintf("it is redirect number %d", hops)
	case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || o.scheme == "https"):
		why = "it would go by " + req.URL.Scheme + ", and " + o.host + " is asked by " + o.scheme
	case hops > 0 && req.Body != nil && req.Body != http.NoBody && !strings.EqualFold(req.URL.Host, o.host):
		why = "it is a redirect to another host, and has a body"
	}
	if why == "" {
		return nil
	}
	return &RefusedError{Host: req.URL.Host, Why: why}
}

// hops is the number of redirects that led to req. [http.Client] notes them there.
func hops(req *http.Request) int {
	n := 0
	for r := req; r.Response != nil && r.Response.Request != nil; r = r.Response.Request {
		n++
	}
	return n
}
