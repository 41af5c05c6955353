package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// storedAttestation is what the sandbox says of an attestation of the repository.
type storedAttestation struct {
	ID            int64           `json:"id"`
	Digest        string          `json:"digest"`
	PredicateType string          `json:"predicate_type"`
	Bundle        json.RawMessage `json:"bundle"`
}

// attestations [DIR]: prints predicate type and digest of what GitHub has stored, in order, and
// writes the bundles to DIR as 1.json, 2.json ...
func attestations(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: attestations [DIR]")
	}
	out := ts.Stdout() // also of nothing
	for i, a := range fromGitHub[storedAttestation](ts, "attestations") {
		fmt.Fprintln(out, a.PredicateType, a.Digest)
		if len(args) == 1 {
			dir := ts.MkAbs(args[0])
			ts.Check(os.MkdirAll(dir, 0o755))
			ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.json", i+1)), a.Bundle, 0o644))
		}
	}
}

// storedSnapshot is what the dependency graph was told.
type storedSnapshot struct {
	SHA, Ref string
	Job      struct {
		ID, Correlator string
		URL            string `json:"html_url"`
	}
	Detector  struct{ Name, Version, URL string }
	Manifests map[string]struct {
		Resolved map[string]struct {
			URL          string `json:"package_url"`
			Relationship string
			Dependencies []string
		}
	}
}

// snapshots: prints what the dependency graph was told, with temporary addresses by their kind.
func snapshots(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: snapshots")
	}
	var b strings.Builder
	for _, n := range fromGitHub[storedSnapshot](ts, "snapshots") {
		fmt.Fprintf(&b, "%s\n%s %s\n%s %s\n%s %s %s\n", n.Job.Correlator, n.Ref, n.SHA, n.Job.ID, n.Job.URL, n.Detector.Name, n.Detector.Version, n.Detector.URL)
		for _, name := range slices.Sorted(maps.Keys(n.Manifests)) {
			fmt.Fprintf(&b, "  %s\n", name)
			for _, key := range slices.Sorted(maps.Keys(n.Manifests[name].Resolved)) {
				d := n.Manifests[name].Resolved[key]
				fmt.Fprintf(&b, "    %s %s\n", d.Relationship, d.URL)
				for _, url := range d.Dependencies {
					fmt.Fprintf(&b, "      %s\n", url)
				}
			}
		}
	}
	fmt.Fprint(ts.Stdout(), of(ts).names(b.String()))
}

// fromGitHub asks the sandbox what its API has stored.
func fromGitHub[T any](ts *testscript.TestScript, what string) []T {
	answer, err := of(ts).job.Ask(context.Background(), http.MethodGet, "/github/"+what, nil)
	ts.Check(err)
	return values[T](ts, answer)
}

// hex DIGEST: sets $HEX to the digest without its algorithm, as cosign has it.
func setHex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hex DIGEST")
	}
	ts.Setenv("HEX", strings.TrimPrefix(args[0], "sha256:"))
}
