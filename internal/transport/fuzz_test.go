package transport

import (
	"net/http"
	"testing"
	"time"
)

// FuzzRetryAfter: whatever a server asks for, a host is left alone for a minute at most.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "1", "120", "2147483647", "2147483648", "1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "::error::x", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := pauses{until: map[string]time.Time{}}
		asked := p.note("a", &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {value}}}, 0)
		left := time.Until(p.until["a"])
		if asked != (left > 0) || left > maxRetryAfter {
			t.Errorf("Retry-After %q: %t, a pause of %s", value, asked, left)
		}
	})
}
