package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/problem"
)

const troubleshooting = "docs/troubleshooting.md"

// anError is the entry of a code there: its exit status, and where the text of its example
// comes from, a script and a section of it.
var anError = regexp.MustCompile("(?ms)^### ([a-z-]+)\n\nExit status ([0-9 or]+)\\..*?^<!-- (\\S+) (\\S+) -->\n```text\n(.*?)^```\n")

// TestErrorsAgree wants an entry for each code, with its exit status, in the document that
// errors lead to, and a row in README's table.
func TestErrorsAgree(t *testing.T) {
	t.Parallel()
	inDocument, inReadme, inCode := map[string]string{}, map[string]string{}, map[string]string{}
	for _, e := range anError.FindAllStringSubmatch(read(t, troubleshooting), -1) {
		inDocument[e[1]] = e[2]
	}
	for _, row := range table(t, "Errors") {
		code, _, _ := strings.Cut(strings.TrimPrefix(row[0], "["), "]")
		inReadme[code] = row[1]
		if want := fmt.Sprintf("[%s](%s#%s)", code, troubleshooting, code); row[0] != want {
			t.Errorf("README leads from %s to %s", code, row[0])
		}
	}
	for _, code := range problem.Codes() {
		inCode[string(code)] = exits(code)
	}
	if diff := cmp.Diff(inCode, inDocument); diff != "" {
		t.Errorf("codes differ (-internal/problem +%s):\n%s", troubleshooting, diff)
	}
	if diff := cmp.Diff(inCode, inReadme); diff != "" {
		t.Errorf("codes differ (-internal/problem +README):\n%s", diff)
	}
}

func exits(code problem.Code) string {
	if code == problem.Cancelled {
		return "130 or 143"
	}
	return strconv.Itoa(code.Exit())
}

// TestErrorsAreReal: the example of each error is what its script wants to see, of a run with
// that exit status. UPDATE=1 writes the examples anew.
func TestErrorsAreReal(t *testing.T) {
	t.Parallel()
	document := read(t, troubleshooting)
	for _, e := range anError.FindAllStringSubmatch(document, -1) {
		script := read(t, "testdata/script/"+e[3]+".txtar")
		if !strings.Contains(script, "-exit "+e[2]+" ") && e[1] != string(problem.Cancelled) {
			t.Errorf("%s: no run of %s exits with %s", e[1], e[3], e[2])
		}
		_, section, ok := strings.Cut(script, "\n-- "+e[4]+" --\n")
		if !ok || !strings.Contains(script, "\nproblem\ncmp stdout "+e[4]+"\n") {
			t.Errorf("%s: %s does not compare the error with a section %s", e[1], e[3], e[4])
		}
		section, _, _ = strings.Cut(section, "\n-- ")
		if real := asOutside(e[3], strings.TrimSuffix(section, "\n")) + "\n"; real != e[5] {
			if os.Getenv("UPDATE") != "1" {
				t.Errorf("%s, UPDATE=1 rewrites it (-%s +%s):\n%s", e[1], e[3], troubleshooting, cmp.Diff(real, e[5]))
			}
			document = strings.Replace(document, e[0], strings.TrimSuffix(e[0], e[5]+"```\n")+real+"```\n", 1)
		}
	}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(troubleshooting, []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var placeholders = regexp.MustCompile(`\b(DIGEST|sha256:OTHER|TAG|SHORT|entries N|READER|REGISTRY|http://TUF|FULCIO|REKOR|TSA)\b`)

// asOutside has names like those outside in place of those of a script.
func asOutside(script, text string) string {
	names := map[string]string{
		"DIGEST": "sha256:0d36...51c7", "sha256:OTHER": "sha256:8be9...f2a0", "TAG": "sha256-0d36...51c7", "SHORT": "0d36f1a2b351",
		"entries N": "entries 1101, 1102, 1103", "READER": "octocat", "REGISTRY": "registry.acme.example",
		"http://TUF": "https://tuf-repo-cdn.sigstore.dev", "FULCIO": "fulcio.sigstore.dev", "REKOR": "rekor.sigstore.dev", "TSA": "timestamp.sigstore.dev",
	}
	text = regexp.MustCompile(`\b(acme/)?`+script+`\b(-plain)?`).ReplaceAllString(text, "${1}app")
	return placeholders.ReplaceAllStringFunc(text, func(name string) string { return names[name] })
}
