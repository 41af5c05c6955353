package confine

import "slices"

// Conditional are the names of the system calls that the filter does not know by their number
// alone, and that every architecture must have.
func Conditional() []string {
	names := []string{"clone3"}
	for _, c := range conditional(1) {
		names = append(names, c.Name)
	}
	return names
}

// Calls are the names of the system calls that stay, for some arguments or all.
func Calls() []string { return slices.Concat(calls, Conditional()[1:]) }
