// Command summary renders a job summary as GitHub does: GitHub's Markdown, then a sanitizer
// that leaves what GitHub leaves. It reads Markdown and writes a page.
//
//	summary [-open] < summary.md > summary.html
//
// With -open, what is folded is shown. `make summary-picture` takes a picture of the page.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

//go:embed page.html
var page string

func main() {
	open := flag.Bool("open", false, "show what is folded")
	flag.Parse()
	if err := render(os.Stdin, os.Stdout, *open); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
}

func render(in io.Reader, out io.Writer, open bool) error {
	markdown, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	gfm := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := gfm.Convert(markdown, &b); err != nil {
		return err
	}
	clean := policy().SanitizeBytes(b.Bytes())
	if open {
		clean = bytes.ReplaceAll(clean, []byte("<details>"), []byte("<details open>"))
	}
	_, err = fmt.Fprintf(out, page, clean)
	return err
}

// policy allows what GitHub allows.
// Source: https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/sanitization_filter.rb
func policy() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.AllowElements("details", "summary", "span")
	p.AllowNoAttrs().OnElements("span")
	p.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("th", "td")
	p.AllowAttrs("style").OnElements("th", "td") // only what goldmark writes for a column
	p.AllowStyles("text-align").MatchingEnum("left", "right", "center").OnElements("th", "td")
	return p
}
