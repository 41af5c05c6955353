package front_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/front"
)

// A scene is a server with a front before it, and the front's control.
type scene struct {
	server, control *httptest.Server
	commits         atomic.Int32 // requests that reached the server
}

func newScene(t *testing.T) *scene {
	t.Helper()
	liar := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMultiStatus) })
	f := front.Front{Lies: map[front.Service]map[string]http.Handler{
		front.Rekor: {"no-proof": liar, "another-time": liar},
	}}
	s := &scene{}
	s.server = httptest.NewServer(f.Wrap(front.Rekor, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.commits.Add(1)
		w.WriteHeader(http.StatusCreated)
	})))
	s.control = httptest.NewServer(f.Control())
	t.Cleanup(s.server.Close)
	t.Cleanup(s.control.Close)
	return s
}

// send returns the answer's status, or "cut".
func (s *scene) send(t *testing.T, method, path string) string {
	t.Helper()
	resp, err := do(t, t.Context(), method, s.server.URL+path, strings.NewReader("12345"))
	if err != nil {
		return "cut"
	}
	return fmt.Sprint(resp.StatusCode)
}

func (s *scene) requests(t *testing.T, query string) []front.Request {
	t.Helper()
	resp, err := do(t, t.Context(), http.MethodGet, s.control.URL+"/requests"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	var requests []front.Request
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var request front.Request
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			t.Fatal(err)
		}
		requests = append(requests, request)
	}
	return requests
}

func (s *scene) fault(t *testing.T, order string) {
	t.Helper()
	resp, err := do(t, t.Context(), http.MethodPost, s.control.URL+"/faults", strings.NewReader(order))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("POST /faults %s: %s", order, resp.Status)
	}
}

// do sends on a connection of its own, so that Go's client does not repeat what was cut.
func do(t *testing.T, ctx context.Context, method, url string, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("User-Agent", "test/1")
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

// TestAnswerBytes: what a server sends is counted, written or read from a file, and not what an
// answer to HEAD would have.
func TestAnswerBytes(t *testing.T) {
	t.Parallel()
	var f front.Front
	server := httptest.NewServer(f.Wrap(front.Rekor, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/copied" {
			_, _ = io.Copy(w, strings.NewReader("12345"))
			return
		}
		_, _ = io.WriteString(w, "1234567")
	})))
	control := httptest.NewServer(f.Control())
	t.Cleanup(control.Close)
	for _, path := range []string{"/written", "/copied"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if _, err := do(t, t.Context(), method, server.URL+path, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	server.Close() // waits until all is counted
	var got []int64
	for _, r := range (&scene{control: control}).requests(t, "") {
		got = append(got, r.AnswerBytes)
	}
	if diff := cmp.Diff([]int64{7, 0, 5, 0}, got); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","path":"/cut","cut":"before"}`)
	s.fault(t, `{"service":"rekor","path":"/busy","status":503}`)
	chunked := struct{ io.Reader }{strings.NewReader("1234567")} // of a size net/http cannot know
	if _, err := do(t, t.Context(), http.MethodPost, s.server.URL+"/a?sig=secret%2B&b=c&sig=secret", chunked); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/busy", "/cut"} {
		s.send(t, http.MethodPut, path)
	}
	common := front.Request{Service: front.Rekor, UserAgent: "test/1", Authorization: "Bearer"}
	first, second, third := common, common, common
	first.Method, first.Path, first.Query, first.Status, first.BodyBytes = http.MethodPost, "/a", "sig=redacted&b=c&sig=redacted", 201, 7
	second.Method, second.Path, second.Status, second.BodyBytes, second.Fault = http.MethodPut, "/busy", 503, 5, "503"
	third.Method, third.Path, third.BodyBytes, third.Fault = http.MethodPut, "/cut", 5, "cut before"
	want := []front.Request{first, second, third}
	if diff := cmp.Diff(want, s.requests(t, "")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, s.requests(t, "?service=rekor")); diff != "" {
		t.Errorf("requests of rekor (-want +got):\n%s", diff)
	}
	if got := s.requests(t, "?service=tsa"); len(got) != 0 {
		t.Errorf("requests of tsa: %v", got)
	}
	if _, err := do(t, t.Context(), http.MethodDelete, s.control.URL+"/requests", nil); err != nil {
		t.Fatal(err)
	}
	if got := s.requests(t, ""); len(got) != 0 {
		t.Errorf("requests after they were forgotten: %v", got)
	}
}
