package harness

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Copied is the block of code that the summary shows below a line, as a reader copies it.
func (r *Runner) Copied(line string) (string, error) {
	content, err := os.ReadFile(r.Summary)
	if err != nil {
		return "", err
	}
	block := regexp.MustCompile("(?ms)^" + regexp.QuoteMeta(line) + "\n\n```+[a-z]+\n(.*?)\n```+$").FindSubmatch(content)
	if block == nil {
		return "", fmt.Errorf("the summary has no code below %q:\n%s", line, content)
	}
	return string(block[1]), nil
}

// ShellTools are those that the commands of a summary use, for machines that lack them: two uses
// of jq, and what decodes a payload, as functions of a shell.
const ShellTools = `jq() { if [ "$1" = -c ]; then tr -d '\n' < "$3"; echo; else cat; fi; }; base64() { cat; }
`

var (
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
	ourElement = regexp.MustCompile(`</?(?:details|summary|span|code)>|\]\(<https?://[^<>\s]*>\)`)
)

// CheckSummary is an error if the summary has an element, outside of code, that the action does not
// write, a fold that does not end, or a character that is not seen. TestShown of
// internal/peers/summary judges what is rendered.
func (r *Runner) CheckSummary() error {
	content, err := os.ReadFile(r.Summary)
	if err != nil {
		return err
	}
	fence, folds := "", 0
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if unseen(strings.ReplaceAll(line, "\t", "")) {
			return fmt.Errorf("the summary has the line %q", line)
		}
		switch mark := line[:len(line)-len(strings.TrimLeft(line, "`"))]; {
		case fence != "":
			if line == fence {
				fence = ""
			}
			continue
		case len(mark) >= 3:
			fence = mark
			continue
		}
		prose := codeSpan.ReplaceAllString(line, "")
		folds += strings.Count(prose, "<details>") - strings.Count(prose, "</details>")
		if left := ourElement.ReplaceAllString(prose, ""); strings.Contains(left, "<") {
			return fmt.Errorf("the summary has an element in %q", line)
		}
	}
	if fence != "" || folds != 0 {
		return fmt.Errorf("the summary ends within %d folds and the code %q", folds, fence)
	}
	return nil
}
