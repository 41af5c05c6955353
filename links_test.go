package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	inlineCode = regexp.MustCompile("`[^`\n]+`")
	link       = regexp.MustCompile(`\]\(<?([^)<>\s]+)>?\)|src="([^"]+)"`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	makeTarget = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
)

// TestLinks: what the documents lead to within the repository is there, heading and all.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, file := range documents(t) {
		text := inlineCode.ReplaceAllString(fence.ReplaceAllString(read(t, file), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(m[1] + m[2])
			if err != nil || target.Scheme != "" {
				continue
			}
			path := file
			if target.Path != "" {
				path = filepath.Join(filepath.Dir(file), target.Path)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s leads to %s: %v", file, target, err)
			} else if target.Fragment != "" && !slices.Contains(anchors(t, path), target.Fragment) {
				t.Errorf("%s leads to %s, and %s has no such heading", file, target, path)
			}
		}
	}
}

// anchors are those that GitHub makes of the headings of a document.
func anchors(t *testing.T, file string) []string {
	t.Helper()
	var out []string
	times := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(read(t, file), ""), -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		slug := strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(text), ""), " ", "-")
		if n := times[slug]; n > 0 {
			out = append(out, fmt.Sprintf("%s-%d", slug, n))
		} else {
			out = append(out, slug)
		}
		times[slug]++
	}
	return out
}

// TestMakeTargets: what the documents tell to make is in the Makefile.
func TestMakeTargets(t *testing.T) {
	t.Parallel()
	makefile := "\n" + read(t, "Makefile")
	commands := blocks(t, "sh")
	for _, file := range documents(t) {
		for _, code := range inlineCode.FindAllString(fence.ReplaceAllString(read(t, file), ""), -1) {
			commands = append(commands, block{file: file, text: code})
		}
	}
	found := 0
	for _, b := range commands {
		for _, m := range makeTarget.FindAllStringSubmatch(b.text, -1) {
			found++
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s tells to make %s", b.file, m[1])
			}
		}
	}
	if found < 5 {
		t.Errorf("the documents name %d targets", found)
	}
}
