// Package faults holds together which faults the action is tested with, and where: the rows are
// in its test, and a script or a Go test says in a line of its header which of them it shows,
// e.g. "# faults: F02 F10" or "// faults: F05". docs/reliability.md is made of both. It is no
// part of the action.
package faults
