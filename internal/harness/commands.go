package harness

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A Command is what the runner would execute in a line of a step's output.
type Command struct {
	Name       string // e.g. "add-mask"
	Properties string // e.g. "title=x"
	Value      string
	Line       string // that it stands in
}

var (
	newCommand = regexp.MustCompile(`^::([^:\s,]*)(?: ([^:]*))?::(.*)$`)
	oldCommand = regexp.MustCompile(`##\[([^\]\s]*)`)
)

// Commands finds commands as the runner does, on the careful side: any "::" at the start of a
// line and any "##[" within one counts, what .NET takes for a line break ends a line, and
// characters that are not shown are passed over, as .NET's comparison does.
// Source: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
func Commands(output string) []Command {
	var found []Command
	breaks := func(r rune) bool { return strings.ContainsRune("\n\r\v\f\u0085\u2028\u2029", r) }
	for _, line := range strings.FieldsFunc(output, breaks) {
		seen := strings.TrimLeftFunc(strings.Map(shown, line), unicode.IsSpace)
		if strings.HasPrefix(seen, "::") {
			c := Command{Line: line}
			if parts := newCommand.FindStringSubmatch(seen); parts != nil {
				c.Name, c.Properties, c.Value = parts[1], parts[2], parts[3]
			}
			found = append(found, c)
		}
		for _, old := range oldCommand.FindAllStringSubmatch(seen, -1) {
			found = append(found, Command{Name: "##[" + old[1], Line: line})
		}
	}
	return found
}

func shown(r rune) rune {
	hidden := unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
	if r != '\t' && hidden {
		return -1
	}
	return r
}

// CheckCommands is an error if a log of the action holds a command that is not one of its own:
// sections that end, annotations with a title alone, debug lines, and masks of one word.
func CheckCommands(log string) error {
	open := 0
	for _, c := range Commands(log) {
		ours := c.Properties == ""
		switch c.Name {
		case "debug":
		case "warning", "error":
			ours = ours || strings.HasPrefix(c.Properties, "title=") && !strings.Contains(c.Properties, ",")
		case "group":
			open++
		case "endgroup":
			open--
			ours = ours && c.Value == ""
		case "add-mask":
			ours = ours && !strings.ContainsFunc(c.Value, unicode.IsSpace)
		default:
			ours = false
		}
		if !ours || open < 0 || open > 1 {
			return fmt.Errorf("the runner would execute %q", c.Line)
		}
	}
	if lines := strings.Split(log, "\n"); slices.ContainsFunc(lines, unseen) {
		return fmt.Errorf("the line %q has control characters", lines[slices.IndexFunc(lines, unseen)])
	}
	return nil
}

// unseen reports whether a line has what a terminal would execute.
func unseen(line string) bool {
	return strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}
