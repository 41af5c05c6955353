package harness

import (
	"fmt"
	"os"
	"regexp"
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
