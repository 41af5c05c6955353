package front_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/sandbox/front"
)

// ask returns the status of an answer of the control.
func (s *scene) ask(t *testing.T, method, path string) int {
	t.Helper()
	resp, err := do(t, t.Context(), method, s.control.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// start sends a POST and returns where its answer will come.
func (s *scene) start(t *testing.T, ctx context.Context) <-chan string {
	t.Helper()
	answered := make(chan string, 1)
	go func() {
		resp, err := do(t, ctx, http.MethodPost, s.server.URL+"/log/entries", strings.NewReader("body"))
		if err != nil {
			answered <- "cut"
			return
		}
		answered <- resp.Status
	}()
	return answered
}

// The first of two runs is overtaken by the second, between what it read and what it writes.
func TestHold(t *testing.T) {
	t.Parallel()
	for name, release := range map[string]string{"one": "/holds/first", "all": "/faults"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.fault(t, `{"service":"rekor","method":"POST","path":"/entries","hold":"first","times":1}`)
			first := s.start(t, t.Context())
			for range 2 { // a request that is held stays held when someone has asked for it
				if got := s.ask(t, http.MethodGet, "/holds/first"); got != http.StatusNoContent {
					t.Fatalf("GET /holds/first: %d", got)
				}
			}
			if got := s.send(t, http.MethodPost, "/log/entries"); got != "201" {
				t.Errorf("answer to the second request: %s", got)
			}
			if got := s.commits.Load(); got != 1 {
				t.Errorf("%d requests reached the server while the first was held, want 1", got)
			}
			if got := s.ask(t, http.MethodDelete, release); got != http.StatusNoContent {
				t.Fatalf("DELETE %s: %d", release, got)
			}
			if got := <-first; got != "201 Created" {
				t.Errorf("answer to the first request: %s", got)
			}
			if got := s.commits.Load(); got != 2 {
				t.Errorf("%d requests reached the server, want 2", got)
			}
			if got := s.ask(t, http.MethodGet, "/holds/first"); got != http.StatusNotFound {
				t.Errorf("GET /holds/first after the release: %d", got)
			}
		})
	}
}

// A hold may come before another fault: here the client never learns what became of its request.
func TestHoldThenCut(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","hold":"first","cut":"after","times":1}`)
	first := s.start(t, t.Context())
	s.ask(t, http.MethodGet, "/holds/first")
	s.ask(t, http.MethodDelete, "/holds/first")
	if got := <-first; got != "cut" {
		t.Errorf("answer %s, want none", got)
	}
	if got := s.commits.Load(); got != 1 {
		t.Errorf("%d requests reached the server, want 1", got)
	}
}

// What has not come when the hold is released is not held.
func TestReleaseBeforeRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","hold":"any"}`)
	s.fault(t, `{"service":"rekor","status":503,"times":1}`)
	if got := s.ask(t, http.MethodDelete, "/holds/any"); got != http.StatusNoContent {
		t.Fatalf("DELETE /holds/any: %d", got)
	}
	got := []string{s.send(t, http.MethodPost, "/"), s.send(t, http.MethodPost, "/")}
	if diff := cmp.Diff([]string{"503", "201"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestHoldEndsWithClient(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","hold":"first"}`)
	ctx, cancel := context.WithCancel(t.Context())
	first := s.start(t, ctx)
	s.ask(t, http.MethodGet, "/holds/first")
	cancel()
	<-first
	s.server.Close() // waits for the request that was held
	if got := s.commits.Load(); got != 0 {
		t.Errorf("%d requests reached the server", got)
	}
}

func TestUnknownHold(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if got := s.ask(t, method, "/holds/first"); got != http.StatusNotFound {
			t.Errorf("%s /holds/first: %d, want 404", method, got)
		}
	}
}

// The clock of this test stands still while anyone works: it goes on when all wait.
func TestHoldWithoutRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f front.Front
		control := f.Control()
		order := strings.NewReader(`{"service":"rekor","hold":"first"}`)
		control.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/faults", order))
		answer := httptest.NewRecorder()
		control.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/holds/first", nil))
		if answer.Code != http.StatusRequestTimeout {
			t.Errorf("answer %d, want 408", answer.Code)
		}
	})
}

// Who waits for a request learns that it will not be held any more.
func TestReleaseWhileAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f front.Front
		control := f.Control()
		order := strings.NewReader(`{"service":"rekor","hold":"first"}`)
		control.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/faults", order))
		answer := httptest.NewRecorder()
		go control.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/holds/first", nil))
		synctest.Wait()
		control.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/holds/first", nil))
		synctest.Wait()
		if answer.Code != http.StatusNotFound {
			t.Errorf("answer %d, want 404", answer.Code)
		}
	})
}
