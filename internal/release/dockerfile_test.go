package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSourceDate: 1970 without SOURCE_DATE_EPOCH, and no guess at what is no number.
func TestSourceDate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "0": 0, epoch: 1700000000} {
		if got, err := sourceDate(text); err != nil || got.Unix() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := sourceDate("yesterday"); err == nil {
		t.Error("yesterday is taken for a time")
	}
}

// TestDockerfile: the runner's build of a branch makes what a release contains.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := readFile(t, repository+"/Dockerfile")
	compiled := regexp.MustCompile(`(?m)^ENV CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly\nRUN go (build .*?) -o `).FindStringSubmatch(text)
	if compiled == nil || strings.ReplaceAll(compiled[1], "'", "") != strings.Join(buildArgs, " ") {
		t.Errorf("Dockerfile compiles with %q, this program with %q", compiled, buildArgs)
	}
	goVersion := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readFile(t, repository+"/go.mod"))
	image := regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:([0-9.]+)-bookworm@sha256:[0-9a-f]{64}$`).FindStringSubmatch(text)
	if goVersion == nil || image == nil || goVersion[1] != image[1] {
		t.Errorf("go.mod wants Go %q, Dockerfile has %q", goVersion, image)
	}
	// The runner's docker may be one without BuildKit.
	if found := regexp.MustCompile(`(?m)^# syntax=|--mount|--chmod|<<`).FindString(text); found != "" {
		t.Errorf("Dockerfile uses %q", found)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
