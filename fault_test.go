package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// fault SERVICE STATUS|DELAY|before|within|after|hold:NAME|lie:NAME TIMES [METHOD [PATH [FILE] [HEADER...]]]:
// the next TIMES requests (0: all) are answered with the status, delayed (e.g. 200ms), cut before
// or after the server has seen them or within its answer, held until `release NAME`, or answered by
// a server that does not tell the truth (internal/sandbox/lies has the names). PATH is a part of
// the path; FILE has the answer's body, which is an OCI index unless a HEADER, e.g.
// 'Retry-After: 1', gives another Content-Type. Without arguments all faults end.
func fault(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		_, err := of(ts).job.Ask(context.Background(), http.MethodDelete, "/faults", nil)
		ts.Check(err)
		return
	}
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fault SERVICE STATUS|DELAY|before|within|after|hold:NAME|lie:NAME TIMES [METHOD [PATH [FILE] [HEADER...]]]")
	}
	times, err := strconv.Atoi(args[2])
	ts.Check(err)
	f := map[string]any{"service": args[0], "times": times}
	status, err := strconv.Atoi(args[1])
	switch {
	case err == nil:
		f["status"] = status
	case args[1] == "before" || args[1] == "within" || args[1] == "after":
		f["cut"] = args[1]
	case strings.HasPrefix(args[1], "hold:"):
		f["hold"] = strings.TrimPrefix(args[1], "hold:")
	case strings.HasPrefix(args[1], "lie:"):
		f["lie"] = strings.TrimPrefix(args[1], "lie:")
	default:
		f["delay"] = args[1]
	}
	for i, key := range []string{"method", "path"} {
		if len(args) > 3+i {
			f[key] = args[3+i]
		}
	}
	if len(args) > 5 {
		header := map[string]string{}
		for _, arg := range args[5:] {
			if name, value, ok := strings.Cut(arg, ": "); ok {
				header[name] = value
				continue
			}
			f["body"] = ts.ReadFile(arg)
			header["Content-Type"] = cmp.Or(header["Content-Type"], "application/vnd.oci.image.index.v1+json")
		}
		f["header"] = header
	}
	body, err := json.Marshal(f)
	ts.Check(err)
	_, err = of(ts).job.Ask(context.Background(), http.MethodPost, "/faults", body)
	ts.Check(err)
}

// tuf STATE: has the TUF repository of the job go bad (internal/sandbox/tuf has the states), or
// good again.
func tufState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tuf STATE")
	}
	body, err := json.Marshal(map[string]string{"state": args[0]})
	ts.Check(err)
	_, err = of(ts).job.Ask(context.Background(), http.MethodPost, "/tuf", body)
	ts.Check(err)
}

// held NAME: waits until a request is held by that name.
func held(ts *testscript.TestScript, neg bool, args []string) { hold(ts, neg, args, http.MethodGet) }

// release NAME: lets the request that is held by that name go on.
func release(ts *testscript.TestScript, neg bool, args []string) {
	hold(ts, neg, args, http.MethodDelete)
}

func hold(ts *testscript.TestScript, neg bool, args []string, method string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: held NAME or release NAME")
	}
	_, err := of(ts).job.Ask(context.Background(), method, "/holds/"+args[0], nil)
	ts.Check(err)
}

// echoing SERVICE STATUS TIMES METHOD PATH: like fault, with a body that has what the job may have
// sent: its tokens, and the login of the registry that has one, in each form.
func echoing(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	secrets := slices.Concat(formsOf(s.job.GitHubToken), formsOf(s.job.RuntimeToken))
	if strings.Contains(args[0], "login") {
		login := base64.StdEncoding.EncodeToString([]byte(s.job.RegistryUsername + ":" + s.job.RegistryPassword))
		secrets = slices.Concat(secrets, formsOf(s.job.RegistryPassword), []string{"Basic " + login})
	}
	file := ts.MkAbs("secrets")
	ts.Check(os.WriteFile(file, []byte("sent:\n"+strings.Join(secrets, "\n")), 0o600))
	fault(ts, neg, append(args, file, "Content-Type: text/plain"))
	ts.Check(os.Remove(file))
}
