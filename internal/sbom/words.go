package sbom

import (
	"cmp"
	"strings"
)

// words keep what a child says last: of a crash the line that names it, and not the stacks
// below it; else the last line.
type words struct{ part, last, crash string }

// maxWords bounds a line.
const maxWords = 1 << 10

// Write implements [io.Writer].
func (w *words) Write(p []byte) (int, error) {
	lines := strings.Split(string(p), "\n")
	for i, l := range lines {
		w.part += l[:min(len(l), maxWords-len(w.part))]
		if i < len(lines)-1 {
			w.end()
		}
	}
	return len(p), nil
}

// end ends the line that is in part.
func (w *words) end() {
	line := strings.TrimSpace(w.part)
	w.part = ""
	if line == "" {
		return
	}
	w.last = line
	if w.crash == "" && crashes(line) {
		w.crash = line
	}
}

// crashes reports whether the Go runtime says by the line why it ends the program.
func crashes(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

func (w *words) String() string {
	return cmp.Or(w.crash, strings.TrimSpace(w.part), w.last)
}
