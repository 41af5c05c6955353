package transport

import (
	"context"
	"io"
	"net/http"
)

// Bind makes every request through next end with ctx as well. It is for libraries that
// build their requests without the caller's context. What [Once] says of ctx is said of them.
func Bind(ctx context.Context, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		own := req.Context()
		if IsOnce(ctx) {
			own = Once(own)
		}
		bound, cancel := context.WithCancelCause(own)
		stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
		resp, err := next.RoundTrip(req.WithContext(bound)) //nolint:contextcheck // it inherits both
		if err != nil {
			stop()
			cancel(nil)
			return nil, err
		}
		resp.Body = &boundBody{ReadCloser: resp.Body, release: func() { stop(); cancel(nil) }}
		return resp, nil
	})
}

// boundBody ends the binding when the answer has been read.
type boundBody struct {
	io.ReadCloser
	release func()
}

func (b *boundBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
