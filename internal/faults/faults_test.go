package faults_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seal-image/internal/golden"
)

// root is the folder of the repository.
const root = "../.."

// A proof is a script or a Go test that shows what happens under a fault.
type proof struct {
	file    string // relative to root
	name    string
	content string // of a script
}

func (p proof) String() string { return fmt.Sprintf("[%s](../%s)", p.name, p.file) }

var (
	scriptHeader = regexp.MustCompile(`(?m)^# faults: (.*)$`)
	testHeader   = regexp.MustCompile(`(?m)^// faults: (.*)\nfunc (Test\w+)\(`)
	anyHeader    = regexp.MustCompile(`(?m)^(#|//) faults: `)
)

// proofs finds what the headers of scripts and tests say, by row.
func proofs(t *testing.T) map[string][]proof {
	t.Helper()
	out := map[string][]proof{}
	add := func(rows string, p proof) {
		for row := range strings.FieldsSeq(rows) {
			out[row] = append(out[row], p)
		}
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if err == nil && strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2 {
				return fs.SkipDir
			}
			return err
		}
		isScript, isTest := strings.HasSuffix(path, ".txtar"), strings.HasSuffix(path, "_test.go")
		if !isScript && !isTest {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text, found := string(content), 0
		file := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if isScript {
			for _, m := range scriptHeader.FindAllStringSubmatch(text, -1) {
				add(m[1], proof{file, strings.TrimSuffix(entry.Name(), ".txtar"), text})
				found++
			}
		} else {
			for _, m := range testHeader.FindAllStringSubmatch(text, -1) {
				add(m[1], proof{file: file, name: m[2]})
				found++
			}
		}
		if headers := anyHeader.FindAllString(text, -1); len(headers) != found || isScript && found > 1 {
			t.Errorf("%s has %d lines of faults, of which %d are headers", file, len(headers), found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMatrix: every row is shown by something or says why not, the scripts of a row that fails
// ask for its exit status, and docs/reliability.md says the same.
func TestMatrix(t *testing.T) {
	t.Parallel()
	found := proofs(t)
	var tested, left strings.Builder
	count := 0
	for _, r := range rows {
		shown := found[r.number]
		delete(found, r.number)
		if (len(shown) > 0) == (r.left != "") {
			t.Errorf("%s has %d tests, and is left out because %q", r.number, len(shown), r.left)
		}
		if r.left != "" {
			fmt.Fprintf(&left, "| %s | %s | %s |\n", r.number, r.condition, r.left)
			continue
		}
		count++
		r.checkExits(t, shown)
		fmt.Fprintf(&tested, "| %s | %s | %s | %s | %s |\n", r.number, r.condition, r.expected, r.exits, list(shown))
	}
	for number, shown := range found {
		t.Errorf("%v: there is no row %s", shown, number)
	}
	text := fmt.Sprintf(page, count, tested.String(), left.String())
	golden.Compare(t, "../../../docs/reliability.md", text)
}

func list(shown []proof) string {
	slices.SortFunc(shown, func(a, b proof) int { return strings.Compare(a.file+a.name, b.file+b.name) })
	words := make([]string, len(shown))
	for i, p := range shown {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}

// checkExits: a row that ends with an error has a script that wants its exit status. Go tests
// look at errors and not at the status of a process.
func (r row) checkExits(t *testing.T, shown []proof) {
	t.Helper()
	scripts := ""
	for _, p := range shown {
		scripts += p.content
	}
	if scripts == "" {
		return
	}
	for exit := range strings.SplitSeq(r.exits, ", ") {
		wanted := `(seal|verify) -exit ` + exit
		switch exit {
		case "0":
			continue
		case "130":
			wanted = "cancel INT"
		case "143":
			wanted = "cancel TERM"
		}
		if !regexp.MustCompile(`(?m)^` + wanted + ` `).MatchString(scripts) {
			t.Errorf("%s: no script wants the exit status %s", r.number, exit)
		}
	}
}

// page has the number of rows and both tables.
const page = `# What happens when something fails

<!-- Written by the test of internal/faults: UPDATE=1 go test ./internal/faults -->

%d faults, each made on purpose while the action runs as the runner runs it, against real servers on
loopback: a registry, Fulcio, Rekor, a timestamp authority, a TUF repository and GitHub's services, which fail,
stall, break off, lose answers or lie when they are told to. A script (` + "`testdata/script`" + `)
is one behaviour; where a fault lies too deep for one, a Go test makes it.

Whatever a script does, these hold after every run in it, or it fails: the exit status is the one that it names;
a run that fails has exactly one ` + "`::error::`" + ` and no output, and one that does not has none; the folder for temporary files is
empty; and no secret of the job, raw, base64, as a login or as it stands in a URL, is in the log, the summary, the
outputs, the workspace or the artifact.

` + "```sh" + `
make test                                  # all but the next two
make test-matrix                           # outages that last, and the judges
make test-hostile                          # images that do harm
go test -run 'TestScript/^fail-realm$' .   # one script
` + "```" + `

| | fault | what happens | exit | tests |
| --- | --- | --- | --- | --- |
%s
## Left out

| | fault | why |
| --- | --- | --- |
%s`
