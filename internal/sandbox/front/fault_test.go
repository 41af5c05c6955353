package front_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults  []string
		want    string // of five POSTs to /log/entries, one after the other
		commits int32
	}{
		"none":         {nil, "201 201 201 201 201", 5},
		"status twice": {[]string{`{"service":"rekor","status":503,"times":2}`}, "503 503 201 201 201", 3},
		"for ever":     {[]string{`{"service":"rekor","status":429}`}, "429 429 429 429 429", 0},
		"cut before":   {[]string{`{"service":"rekor","cut":"before","times":1}`}, "cut 201 201 201 201", 4},
		"cut after":    {[]string{`{"service":"rekor","cut":"after","times":1}`}, "cut 201 201 201 201", 5},
		"delayed":      {[]string{`{"service":"rekor","delay":"1ms","times":1}`}, "201 201 201 201 201", 5},
		"lie twice":    {[]string{`{"service":"rekor","lie":"no-proof","times":2}`}, "207 207 201 201 201", 3},
		"delayed lie":  {[]string{`{"service":"rekor","lie":"no-proof","delay":"1ms","times":1}`}, "207 201 201 201 201", 4},
		"other lie":    {[]string{`{"service":"rekor","lie":"no-proof","method":"GET"}`}, "201 201 201 201 201", 5},
		"delayed cut":  {[]string{`{"service":"rekor","delay":"1ms","cut":"after","times":1}`}, "cut 201 201 201 201", 5},
		"in order": {[]string{
			`{"service":"rekor","status":500,"times":1}`,
			`{"service":"rekor","cut":"before","times":2}`,
			`{"service":"rekor","status":502,"times":1}`,
		}, "500 cut cut 502 201", 1},
		"other service":   {[]string{`{"service":"tsa","status":503}`}, "201 201 201 201 201", 5},
		"other method":    {[]string{`{"service":"rekor","method":"GET","status":503}`}, "201 201 201 201 201", 5},
		"other path":      {[]string{`{"service":"rekor","path":"publicKey","status":503}`}, "201 201 201 201 201", 5},
		"method and path": {[]string{`{"service":"rekor","method":"post","path":"/entries","status":503,"times":1}`}, "503 201 201 201 201", 4},
		"first that matches": {[]string{
			`{"service":"rekor","method":"GET","status":500}`,
			`{"service":"rekor","status":502,"times":1}`,
		}, "502 201 201 201 201", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			for _, order := range test.faults {
				s.fault(t, order)
			}
			var got []string
			for range 5 {
				got = append(got, s.send(t, http.MethodPost, "/log/entries"))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if got := s.commits.Load(); got != test.commits {
				t.Errorf("%d requests reached the server, want %d", got, test.commits)
			}
		})
	}
}

func TestFaultAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","status":503,"body":"busy","header":{"Retry-After":"1"},"delay":"20ms"}`)
	start := time.Now()
	resp, err := do(t, t.Context(), http.MethodGet, s.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(start); waited < 20*time.Millisecond {
		t.Errorf("answered after %s, want 20ms or more", waited)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(resp.StatusCode, resp.Header.Get("Retry-After"), string(body))
	if want := fmt.Sprint(503, "1", "busy"); got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

// A client that gives up during a delay must not have its request served later. If the delay
// did not end with the client, closing the server would hang.
func TestDelayEndsWithClient(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","delay":"1h"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := do(t, ctx, http.MethodPost, s.server.URL, strings.NewReader("body")); err == nil {
		t.Error("the request was answered")
	}
	s.server.Close()
	if got := s.commits.Load(); got != 0 {
		t.Errorf("%d requests reached the server", got)
	}
}

func TestRemoveFaults(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","status":503}`)
	if _, err := do(t, t.Context(), http.MethodDelete, s.control.URL+"/faults", nil); err != nil {
		t.Fatal(err)
	}
	if got := s.send(t, http.MethodPost, "/"); got != "201" {
		t.Errorf("answer %s after the faults were removed", got)
	}
}

func TestFaultRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ order, want string }{
		"not JSON":            {`rekor 503`, "parse fault"},
		"two objects":         {`{"service":"rekor","status":503} {}`, "one JSON object"},
		"unknown field":       {`{"service":"rekor","state":503}`, `unknown field "state"`},
		"unknown service":     {`{"service":"redis","status":503}`, `unknown service "redis"`},
		"internal service":    {`{"service":"ctlog","status":503}`, `unknown service "ctlog"`},
		"nothing to do":       {`{"service":"rekor"}`, "needs a status, a delay, a rate, a hold, a cut or a lie"},
		"not a status":        {`{"service":"rekor","status":42}`, "status 42"},
		"not a duration":      {`{"service":"rekor","delay":"soon"}`, "parse delay"},
		"negative times":      {`{"service":"rekor","status":503,"times":-1}`, "negative"},
		"unknown cut":         {`{"service":"rekor","cut":"off"}`, `unknown cut "off"`},
		"cut with status":     {`{"service":"rekor","cut":"after","status":503}`, "answers no status"},
		"lie with status":     {`{"service":"rekor","lie":"no-proof","status":503}`, "a lie has its own status"},
		"lie with cut":        {`{"service":"rekor","lie":"no-proof","cut":"after"}`, "a lie has its own status"},
		"lie with body":       {`{"service":"rekor","lie":"no-proof","body":"x"}`, "need a status"},
		"unknown lie":         {`{"service":"rekor","lie":"no-prof"}`, `unknown lie "no-prof" of rekor, have ["another-time" "no-proof"]`},
		"lie of another":      {`{"service":"tsa","lie":"no-proof"}`, `unknown lie "no-proof" of tsa, have []`},
		"rate with status":    {`{"service":"rekor","rate":1,"status":503}`, "a rate is for"},
		"negative rate":       {`{"service":"rekor","rate":-1}`, "negative"},
		"limit without per":   {`{"service":"rekor","status":429,"above":1}`, "go together"},
		"limit that cuts":     {`{"service":"rekor","cut":"before","above":1,"per":"1s"}`, "answered by a status"},
		"no chance":           {`{"service":"rekor","status":503,"chance":1.5}`, "between 0 and 1"},
		"idle seed":           {`{"service":"rekor","status":503,"seed":1}`, "needs a chance"},
		"body without status": {`{"service":"rekor","delay":"1s","body":"x"}`, "need a status"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := do(t, t.Context(), http.MethodPost, newScene(t).control.URL+"/faults", strings.NewReader(test.order))
			if err != nil {
				t.Fatal(err)
			}
			reason, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(reason), test.want) {
				t.Errorf("answer %d %q, want 400 with %q", resp.StatusCode, reason, test.want)
			}
		})
	}
}
