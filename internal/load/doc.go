// Package load has two tests: many runs of the action seal the same digest at the same
// time, and none of what they attach is lost; and a run that was killed at any moment can be
// run again. `make test-load` runs them.
//
// It needs the build tag load, because they take minutes. That few runs converge, and what
// happens when they cannot, is in the scripts of the module's root.
package load
