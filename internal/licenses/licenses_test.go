package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/licensecheck"
)

// allowed are the licenses under which the action may link a module: what they ask for is kept by
// whoever hands on the program with their texts.
var allowed = []string{
	"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-2-Clause-Views", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0",
	"Unicode-DFS-2016", "Unlicense",
	"GooglePatentsFile", // a right in addition to BSD-3-Clause
}

// unrecognized are the words of modules whose license is not recognized by them.
var unrecognized = map[string]string{
	"github.com/xi2/xz":                             "into the public domain",
	"kernel.org/pub/linux/libs/security/libcap/psx": "Redistribution and use in source and binary forms of libcap/psx",
}

// TestLicenses: each module that the image contains has a license, and of what is recognized in its
// files every license is one of ours. Where there is a choice, the one that is taken is among them.
func TestLicenses(t *testing.T) {
	t.Parallel()
	texts, err := collect(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	found, scanned, words := map[string][]string{}, map[string][]string{}, maps.Clone(unrecognized)
	for _, text := range texts {
		if strings.Contains(strings.Join(strings.Fields(text.content), " "), words[text.path]) {
			delete(words, text.path)
		}
		if scanned[text.content] == nil {
			for _, match := range licensecheck.Scan([]byte(text.content)).Match {
				scanned[text.content] = append(scanned[text.content], match.ID)
			}
		}
		found[text.path] = append(found[text.path], scanned[text.content]...)
	}
	if len(found) < 200 || !slices.Contains(found["golang.org/x/crypto/x509roots/fallback"], "BSD-3-Clause") {
		t.Fatalf("the image contains %d modules", len(found))
	}
	for path, id := range taken {
		if unrecognized[path] == "" && !slices.Contains(found[path], id) {
			t.Errorf("%s is not under %s: %q", path, id, found[path])
		}
		found[path] = []string{id}
	}
	if len(words) > 0 {
		t.Errorf("not linked any more, or under other words: %q", words)
	}
	for path, ids := range found {
		if len(ids) == 0 && unrecognized[path] == "" {
			t.Errorf("%s has no license that is recognized", path)
		}
		for _, id := range ids {
			if !slices.Contains(allowed, id) {
				t.Errorf("%s has the license %s", path, id)
			}
		}
	}
}

// A text stands once, below all that it belongs to, and the file begins with ours.
func TestPrinted(t *testing.T) {
	t.Parallel()
	a, b := module{path: "example.com/a", version: "v1.0.0"}, module{path: "github.com/spdx/tools-golang", version: "v0.5.0"}
	got, ok := strings.CutPrefix(string(printed([]text{{a, "LICENSE", "One"}, {a, "NOTICE", "Two"}, {b, "LICENSE", "One"}})), head)
	want := strings.ReplaceAll(`
RULE
example.com/a v1.0.0, LICENSE
github.com/spdx/tools-golang v0.5.0, LICENSE, taken under Apache-2.0
RULE

One

RULE
example.com/a v1.0.0, NOTICE
RULE

Two
`, "RULE", strings.Repeat("=", 100))
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each part of a module with a license of its own, and notices, are found.
func TestCollect(t *testing.T) {
	t.Parallel()
	texts, err := collect(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{
		"seal-image LICENSE": true, "the Go standard library LICENSE": true,
		"github.com/anchore/syft LICENSE": true, "github.com/go-jose/go-jose/v4 json/LICENSE": true,
		"google.golang.org/grpc NOTICE.txt": true, "kernel.org/pub/linux/libs/security/libcap/psx License": true,
		"modernc.org/sqlite LICENSE-SQLITE": true,
	}
	for _, text := range texts {
		delete(left, strings.TrimSpace(text.path)+" "+text.name)
	}
	if len(left) > 0 {
		t.Errorf("missing: %q", slices.Sorted(maps.Keys(left)))
	}
}
