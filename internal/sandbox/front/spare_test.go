package front_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLimit: what is above a limit is told when to come again, and then let through.
func TestLimit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","status":429,"above":2,"per":"2s"}`)
	var got []string
	for range 3 {
		got = append(got, s.send(t, http.MethodPost, "/"))
	}
	if diff := cmp.Diff([]string{"201", "201", "429"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	resp, err := do(t, t.Context(), http.MethodPost, s.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 2 {
		t.Fatalf("Retry-After is %q", resp.Header.Get("Retry-After"))
	}
	time.Sleep(time.Duration(wait) * time.Second)
	if got := s.send(t, http.MethodPost, "/"); got != "201" {
		t.Errorf("answer %s after %d s", got, wait)
	}
}

// TestChance: a part of the requests is spoiled, and with the same seed the same ones.
func TestChance(t *testing.T) {
	t.Parallel()
	answers := func(order string) string {
		s := newScene(t)
		s.fault(t, order)
		var got []string
		for range 60 {
			got = append(got, s.send(t, http.MethodPost, "/"))
		}
		return strings.Join(got, " ")
	}
	first := answers(`{"service":"rekor","status":503,"chance":0.3,"seed":7}`)
	if spoiled := strings.Count(first, "503"); spoiled < 5 || spoiled > 35 || spoiled+strings.Count(first, "201") != 60 {
		t.Errorf("%d of 60 spoiled: %s", spoiled, first)
	}
	if again := answers(`{"service":"rekor","status":503,"chance":0.3,"seed":7}`); again != first {
		t.Errorf("the same seed spoils others:\n%s\n%s", first, again)
	}
	if other := answers(`{"service":"rekor","status":503,"chance":0.3,"seed":8}`); other == first {
		t.Error("another seed spoils the same")
	}
}

// TestRate: requests at the same time share a link, in both directions.
func TestRate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fault(t, `{"service":"rekor","rate":100000}`)
	start := time.Now()
	done := make(chan string)
	for range 2 {
		go func() {
			resp, err := do(t, t.Context(), http.MethodPost, s.server.URL, strings.NewReader(strings.Repeat("x", 20_000)))
			if err != nil {
				done <- err.Error()
				return
			}
			done <- resp.Status
		}()
	}
	for range 2 {
		if got := <-done; got != "201 Created" {
			t.Error(got)
		}
	}
	if took := time.Since(start); took < 400*time.Millisecond {
		t.Errorf("40 kB at 100 kB a second in %s", took)
	}
}

// TestFaultNamed: the record says what has spoiled a request.
func TestFaultNamed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, order := range []string{
		`"status":429,"above":1,"per":"1h","path":"/limit"`, `"cut":"after","path":"/cut"`, `"lie":"no-proof","path":"/lie"`,
		`"delay":"1ms","path":"/delay"`, `"rate":1000000,"delay":"1ms","path":"/rate"`,
	} {
		s.fault(t, `{"service":"rekor",`+order+`}`)
	}
	for _, path := range []string{"/limit", "/limit", "/cut", "/lie", "/delay", "/rate", "/"} {
		s.send(t, http.MethodPut, path)
	}
	var got []string
	for _, r := range s.requests(t, "") {
		got = append(got, r.Fault)
	}
	if diff := cmp.Diff([]string{"", "429", "cut after", "lie no-proof", "delay", "rate", ""}, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
