package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// part is how one answer with a layer is spoiled.
type part func(w http.ResponseWriter, whole *httptest.ResponseRecorder)

// cut sends so many bytes of an answer.
func cut(bytes int) part {
	return func(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
		for name := range whole.Header() {
			w.Header().Set(name, whole.Header().Get(name))
		}
		w.WriteHeader(whole.Code)
		body := whole.Body.Bytes()
		_, _ = w.Write(body[:min(bytes, len(body))])
	}
}

func refused(status int, code string) part {
	return func(w http.ResponseWriter, _ *httptest.ResponseRecorder) { refuse(w, status, code, "so it is") }
}

// contentRange says something else than it sends.
func contentRange(says string) part {
	return func(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
		whole.Header().Set("Content-Range", says)
		cut(100)(w, whole)
	}
}

// TestResume: a layer of fourteen bytes arrives whole, whatever breaks off, and only what is
// missing is asked for.
func TestResume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parts  []part // one after the other; what follows is served well
		ranges []string
		whole  bool // the registry knows no ranges
	}{
		"well":                {nil, []string{""}, false},
		"broken off":          {[]part{cut(6)}, []string{"", "bytes=6-13"}, false},
		"again and again":     {[]part{cut(2), cut(2), cut(2), cut(2), cut(2), cut(2)}, []string{"", "bytes=2-13", "bytes=4-13", "bytes=6-13", "bytes=8-13", "bytes=10-13", "bytes=12-13"}, false},
		"nothing for a while": {[]part{cut(6), cut(0), cut(0), cut(0), cut(0)}, []string{"", "bytes=6-13", "bytes=6-13", "bytes=6-13", "bytes=6-13", "bytes=6-13"}, false},
		"no ranges":           {[]part{cut(6), cut(10)}, []string{"", "bytes=6-13", "bytes=10-13"}, true},
		"another part":        {[]part{cut(6), contentRange("bytes 0-13/14")}, []string{"", "bytes=6-13", ""}, false},
		"another size":        {[]part{cut(6), contentRange("bytes 6-13/15")}, []string{"", "bytes=6-13", ""}, false},
		"416":                 {[]part{cut(6), refused(416, "RANGE_INVALID")}, []string{"", "bytes=6-13", ""}, false},
		"not there yet":       {[]part{refused(404, "BLOB_UNKNOWN")}, []string{"", ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(false)
				idx, common := shared(t)
				var ranges []string
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					if !is(req, http.MethodGet, common.String()) {
						return false
					}
					ranges = append(ranges, req.Header.Get("Range"))
					if c.whole {
						req.Header.Del("Range")
					}
					if len(ranges) > len(c.parts) {
						return false
					}
					whole := httptest.NewRecorder()
					inner.ServeHTTP(whole, req)
					c.parts[len(ranges)-1](w, whole)
					return true
				})}
				push(t, network, repository+":v1", idx)
				cl := client(network)
				subject := resolved(t, cl)
				downloaded(t, cl, subject.Images)
				if diff := cmp.Diff(c.ranges, ranges); diff != "" {
					t.Errorf("ranges asked for (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestResumeHTTP2: over HTTP/2 a layer that breaks off has errors of another kind.
func TestResumeHTTP2(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("layer"), 1<<20/5)
	layer := static.NewLayer(content, types.OCIUncompressedLayer)
	img, err := mutate.AppendLayers(image(t, "linux/amd64", "x"), layer)
	if err != nil {
		t.Fatal(err)
	}
	inner := memory(false)
	pushed := push(t, inProcess{inner}, repository+":v1", img)
	var protocols, ranges []string
	network := serve(t, before(inner, func(w http.ResponseWriter, req *http.Request) bool {
		if !is(req, http.MethodGet, digestOf(string(content)).String()) {
			return false
		}
		protocols, ranges = append(protocols, req.Proto), append(ranges, req.Header.Get("Range"))
		if len(ranges) > 1 {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:512<<10])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	cl := client(retrying(network))
	subject, err := cl.Resolve(t.Context(), pushed.Ref, v1.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	downloaded(t, cl, subject.Images)
	want := []string{"", fmt.Sprintf("bytes=%d-%d", 512<<10, len(content)-1)}
	if diff := cmp.Diff(want, ranges); diff != "" {
		t.Errorf("ranges asked for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HTTP/2.0", "HTTP/2.0"}, protocols); diff != "" {
		t.Errorf("protocols (-want +got):\n%s", diff)
	}
}

// TestResumeGivesUp: what does not get on ends, with advice; what is wrong ends at once.
func TestResumeGivesUp(t *testing.T) {
	t.Parallel()
	wrong := func(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
		whole.Body.Reset()
		whole.Body.WriteString(strings.Repeat("?", 8))
		cut(100)(w, whole)
	}
	more := func(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
		whole.Body.WriteString(", and more")
		cut(100)(w, whole)
	}
	for name, c := range map[string]struct {
		rest     part // of what follows the first six bytes
		requests int
		golden   string
		says     string // of the cause, for the log
	}{
		"nothing more":   {cut(0), 6, "layer-broken", ""},
		"never there":    {refused(404, "BLOB_UNKNOWN"), 6, "layer-missing", ""},
		"other bytes":    {wrong, 2, "layer-other-bytes", "the registry serves sha256:"},
		"more bytes":     {more, 2, "layer-other-bytes", "the registry sends more than the layer has"},
		"denied at once": {refused(403, "DENIED"), 2, "layer-denied", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(false)
				idx, common := shared(t)
				requests := 0
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					if !is(req, http.MethodGet, common.String()) {
						return false
					}
					requests++
					whole := httptest.NewRecorder()
					inner.ServeHTTP(whole, req)
					if requests == 1 {
						cut(6)(w, whole)
						return true
					}
					c.rest(w, whole)
					return true
				})}
				push(t, network, repository+":v1", idx)
				cl := client(network)
				subject := resolved(t, cl)
				err := cl.Download(t.Context(), subject.Images, t.TempDir(), attest.NewArrivals())
				goldenProblem(t, c.golden, err)
				if cause := problem.From(err).Err; !strings.Contains(fmt.Sprint(cause), c.says) || requests != c.requests {
					t.Errorf("%d requests, want %d; error %v", requests, c.requests, err)
				}
			})
		})
	}
}

// TestResumeStops: who waits for the rest of a layer stops at once.
func TestResumeStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory(false)
		idx, common := shared(t)
		cause := errors.New("stopped from outside")
		ctx, cancel := context.WithCancelCause(t.Context())
		network := inProcess{before(inner, func(_ http.ResponseWriter, req *http.Request) bool {
			gone := is(req, http.MethodGet, common.String())
			if gone {
				time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
			}
			return gone
		})}
		push(t, network, repository+":v1", idx)
		cl := client(network)
		subject := resolved(t, cl)
		start := time.Now()
		if err := cl.Download(ctx, subject.Images, t.TempDir(), attest.NewArrivals()); !errors.Is(err, cause) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("error %v after %s", err, time.Since(start))
		}
	})
}
