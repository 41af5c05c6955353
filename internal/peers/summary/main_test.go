package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestShown renders every summary of internal/report, those with foreign names among them: what
// a reader sees has our headings, links to the places that we mean, no script, and no word
// outside code that GitHub would make a mention, an issue or a formula.
func TestShown(t *testing.T) {
	files, err := filepath.Glob("../../report/testdata/summary/*.md")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d summaries, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			markdown, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := render(bytes.NewReader(markdown), &b, false); err != nil {
				t.Fatal(err)
			}
			_, article, _ := strings.Cut(b.String(), "<article>")
			root, err := html.Parse(strings.NewReader(article))
			if err != nil {
				t.Fatal(err)
			}
			folds := strings.Count(article, "<details>")
			if folds != strings.Count(string(markdown), "<details>") || folds != strings.Count(article, "</details>") {
				t.Errorf("%d folds in the page", folds)
			}
			check(t, root, "")
		})
	}
}

var (
	heading = regexp.MustCompile(`^(Sealed|Not sealed:|Dry run:|\d+ images|ghcr\.io/|quay\.io/|docker\.io/|index\.docker\.io/)`)
	target  = regexp.MustCompile(`^https://(search\.sigstore\.dev/\?logIndex=|github\.com/acme/|docs\.sigstore\.dev/policy-controller/|kyverno\.io/docs/)`)
	special = regexp.MustCompile(`@[\w-]|#\d|\$.*\$`)
)

// check looks at a node and those below it; within says in which element, for text.
func check(t *testing.T, n *html.Node, within string) {
	switch {
	case n.Type == html.TextNode && within != "code" && special.MatchString(n.Data):
		t.Errorf("GitHub would read more than text in %q", n.Data)
	case n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img" || n.Data == "style"):
		t.Errorf("there is an element %s", n.Data)
	case n.Type == html.ElementNode && regexp.MustCompile(`^h[1-6]$`).MatchString(n.Data) && !heading.MatchString(text(n)):
		t.Errorf("the heading %q is not ours", text(n))
	case n.Type == html.ElementNode && n.Data == "a":
		for _, a := range n.Attr {
			if a.Key == "href" && !target.MatchString(a.Val) {
				t.Errorf("there is a link to %s", a.Val)
			}
		}
	}
	if n.Type == html.ElementNode && within != "code" {
		within = n.Data
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		check(t, c, within)
	}
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c))
	}
	return b.String()
}
