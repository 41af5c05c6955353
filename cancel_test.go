package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// grace is how long a run may take to end after the signal. The runner sends SIGINT, SIGTERM
// 7.5 s later, and kills after another 2.5 s.
const grace = 5 * time.Second

// cancel INT|TERM [SERVICE METHOD PATH [SKIP]] input=value ...: runs the action until a request of
// that kind is under way, SKIP of them having passed, and sends it the signal; without a request,
// until it has a child. The request gets no answer. Nothing may be asked for that changes
// something after the signal, the child has to be gone, and so on: see finish. It prints the
// annotation.
func cancel(ts *testscript.TestScript, neg bool, args []string) { cancelRun(ts, neg, args, 0) }

// answered is cancel, but that the request is answered a second after the signal.
func answered(ts *testscript.TestScript, neg bool, args []string) {
	cancelRun(ts, neg, args, time.Second)
}

// twice is cancel, but that a second signal follows, which ends the run at once.
func twice(ts *testscript.TestScript, neg bool, args []string) { cancelRun(ts, neg, args, -1) }

func cancelRun(ts *testscript.TestScript, neg bool, args []string, answerAfter time.Duration) {
	s := of(ts)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: cancel INT|TERM [SERVICE METHOD PATH [SKIP]] input=value ...")
	}
	signal := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	var request []string
	for args = args[1:]; len(args) > 0 && !strings.Contains(args[0], "="); args = args[1:] {
		request = append(request, args[0])
	}
	if len(request) > 0 {
		s.holdRequest(ts, request)
	}
	runner, err := newRunner(filepath.Join(ts.MkAbs("runners"), strconv.FormatInt(time.Now().UnixNano(), 36)), s.job)
	ts.Check(err)
	r := &stepRun{program: "seal-image", runner: runner, exit: 128 + int(signal)}
	r.start(ts, s, args)
	if len(request) > 0 {
		s.askHold(ts, http.MethodGet)
	}
	children := awaitChildren(ts, r.cmd.Process.Pid, len(request) == 0)
	before := s.settledRequests(ts)
	start := time.Now()
	ts.Check(r.cmd.Process.Signal(signal))
	switch {
	case answerAfter > 0:
		time.Sleep(answerAfter)
		s.askHold(ts, http.MethodDelete)
	case answerAfter < 0:
		time.Sleep(100 * time.Millisecond) // else the kernel makes one of the two
		ts.Check(r.cmd.Process.Signal(signal))
		r.twice = true
	}
	r.finish(ts, s)
	if took := time.Since(start); took > grace || r.twice && took > time.Second {
		ts.Fatalf("it took %s to end", took)
	}
	for _, later := range s.requests(ts, "")[before:] {
		if later.Method != http.MethodGet && later.Method != http.MethodHead {
			ts.Fatalf("after the signal: %s %s %s", later.Service, later.Method, later.Path)
		}
	}
	for _, pid := range children {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			ts.Fatalf("the child %d is still there: %v", pid, err)
		}
	}
	_, err = s.job.Ask(context.Background(), http.MethodDelete, "/faults", nil)
	ts.Check(err)
	ts.Setenv("CANCELLED", filepath.Dir(runner.Workspace))
	if r.twice {
		return
	}
	if n := strings.Count(s.stdout, "::error"); n != 1 {
		ts.Fatalf("%d errors in the log", n)
	}
	showProblem(ts, false, nil)
}

// holdRequest holds a request by the name "cancelled": SERVICE METHOD PATH [SKIP].
func (s *script) holdRequest(ts *testscript.TestScript, request []string) {
	if len(request) < 3 {
		ts.Fatalf("a request is SERVICE METHOD PATH [SKIP]")
	}
	order := func(key string, value any, times int) {
		body, err := json.Marshal(map[string]any{
			"service": request[0], "method": request[1], "path": request[2], key: value, "times": times,
		})
		ts.Check(err)
		_, err = s.job.Ask(context.Background(), http.MethodPost, "/faults", body)
		ts.Check(err)
	}
	if len(request) > 3 {
		skip, err := strconv.Atoi(request[3])
		ts.Check(err)
		order("delay", "1ms", skip)
	}
	order("hold", "cancelled", 1)
}

func (s *script) askHold(ts *testscript.TestScript, method string) {
	_, err := s.job.Ask(context.Background(), method, "/holds/cancelled", nil)
	ts.Check(err)
}

// settledRequests is how many requests were made, when no more come.
func (s *script) settledRequests(ts *testscript.TestScript) int {
	for n := -1; ; time.Sleep(200 * time.Millisecond) {
		now := len(s.requests(ts, ""))
		if now == n {
			return n
		}
		n = now
	}
}

// awaitChildren returns the children of a process, and waits for one if one is wanted.
func awaitChildren(ts *testscript.TestScript, pid int, wanted bool) []int {
	for range 1000 {
		var children []int
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		ts.Check(err)
		for _, name := range stats {
			stat, _ := os.ReadFile(name) // may have ended
			_, after, _ := strings.Cut(string(stat), ") ")
			if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
				child, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
				ts.Check(err)
				children = append(children, child)
			}
		}
		if len(children) > 0 || !wanted {
			return children
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("there was no child in 20 s")
	return nil
}
