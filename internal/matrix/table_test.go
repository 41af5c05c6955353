//go:build matrix

package matrix_test

import (
	"fmt"
	"strings"
)

// markdown is the table: a line for each verifier, command and digest, a column for each
// format and registry.
func markdown(lines [][]*cell) string {
	var text strings.Builder
	text.WriteString("| cosign | command | of |")
	for _, c := range lines[0] {
		fmt.Fprintf(&text, " %s: %s |", c.format, c.registry.name)
	}
	text.WriteString("\n|---|---|---|" + strings.Repeat(":-:|", len(lines[0])) + "\n")
	for _, line := range lines {
		fmt.Fprintf(&text, "| %s | %s | %s |", line[0].verifier.name, line[0].command, line[0].row.name)
		for _, c := range line {
			fmt.Fprintf(&text, " %s |", c.got)
		}
		text.WriteString("\n")
	}
	fmt.Fprintf(&text, "\n%s accepted, %s refused, %s nothing found\n", accepted, refused, notFound)
	return text.String()
}
