package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// storedRelease is what the sandbox says of a release.
type storedRelease struct {
	ID     int64  `json:"id"`
	Tag    string `json:"tag_name"`
	Assets []struct {
		ID          int64  `json:"id"`
		Name        string `json:"name"`
		State       string `json:"state"`
		ContentType string `json:"content_type"`
	} `json:"assets"`
}

// makerelease FILE [TIMES]: makes a release as FILE says, in the form of the sandbox's control
// (internal/sandbox/githubapi/control.go), and sets $RELEASE to its id.
func makeRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: makerelease FILE [TIMES]")
	}
	times := 1
	if len(args) == 2 {
		_, err := fmt.Sscan(args[1], &times)
		ts.Check(err)
	}
	for range times {
		answer, err := of(ts).job.Ask(context.Background(), http.MethodPost, "/github/releases", []byte(ts.ReadFile(args[0])))
		ts.Check(err)
		var made storedRelease
		ts.Check(json.Unmarshal(answer, &made))
		ts.Setenv("RELEASE", fmt.Sprint(made.ID))
	}
}

// assets [-ids]: prints the assets of the releases: tag, name, state and media type, or the ids.
func assets(ts *testscript.TestScript, neg bool, args []string) {
	ids := len(args) == 1 && args[0] == "-ids"
	if neg || len(args) > 0 && !ids {
		ts.Fatalf("usage: assets [-ids]")
	}
	answer, err := of(ts).job.Ask(context.Background(), http.MethodGet, "/github/releases", nil)
	ts.Check(err)
	out := ts.Stdout()
	for _, r := range values[storedRelease](ts, answer) {
		for _, a := range r.Assets {
			if ids {
				fmt.Fprintln(out, a.ID, a.Name)
				continue
			}
			fmt.Fprintln(out, r.Tag, a.Name, a.State, a.ContentType)
		}
	}
}

// asset NAME FILE: writes an asset of $RELEASE to FILE.
func assetOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: asset NAME FILE")
	}
	content, err := of(ts).job.Ask(context.Background(), http.MethodGet, "/github/releases/"+ts.Getenv("RELEASE")+"/assets/"+args[0], nil)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), content, 0o644))
}

// permission NAME=none|read|write: changes a permission of the job's token.
func permission(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || !strings.Contains(args[0], "=") {
		ts.Fatalf("usage: permission NAME=none|read|write")
	}
	name, level, _ := strings.Cut(args[0], "=")
	order, err := json.Marshal(map[string]string{name: level})
	ts.Check(err)
	_, err = of(ts).job.Ask(context.Background(), http.MethodPost, "/github/permissions", order)
	ts.Check(err)
}
