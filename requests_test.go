package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// requests [SERVICE]: prints method, path and status of what this job's servers were
// asked, in order, and forgets it.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	query := ""
	if len(args) == 1 {
		query = "?service=" + args[0]
	}
	out := ts.Stdout() // also of nothing: it replaces what the last command printed
	for _, r := range s.requests(ts, query) {
		fmt.Fprintf(out, "%s %s %s %d\n", r.Service, r.Method, r.Path, r.Status)
	}
	_, err := s.job.Ask(context.Background(), http.MethodDelete, "/requests", nil)
	ts.Check(err)
}

// asked is one request that the sandbox was asked.
type asked struct {
	Service, Method, Path, Query, Authorization string

	Status int
}

func (s *script) requests(ts *testscript.TestScript, query string) []asked {
	answer, err := s.job.Ask(context.Background(), http.MethodGet, "/requests"+query, nil)
	ts.Check(err)
	return values[asked](ts, answer)
}

// values reads JSON values that follow each other.
func values[T any](ts *testscript.TestScript, answer []byte) []T {
	var out []T
	decoder := json.NewDecoder(bytes.NewReader(answer))
	for decoder.More() {
		var v T
		ts.Check(decoder.Decode(&v))
		out = append(out, v)
	}
	return out
}

// details SERVICE: prints method, path, query and the scheme of the credentials of what a
// service was asked, and forgets nothing.
func details(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: details SERVICE")
	}
	out := ts.Stdout()
	for _, r := range of(ts).requests(ts, "?service="+args[0]) {
		fmt.Fprintln(out, r.Method, r.Path, r.Query, r.Authorization)
	}
}

// written SERVICE PATH: waits until something was stored under a path that contains PATH.
func written(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: written SERVICE PATH")
	}
	for range 600 {
		for _, r := range of(ts).requests(ts, "?service="+args[0]) {
			if r.Method == http.MethodPut && r.Status == http.StatusCreated && strings.Contains(r.Path, args[1]) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("nothing was written to %s in 30 s", args[1])
}
