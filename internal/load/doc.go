// Package load has one test: many runs of the action seal the same digest at the same
// time, and none of what they attach is lost. `make test-load` runs it.
//
// It needs the build tag load, because it takes minutes. That few runs converge, and what
// happens when they cannot, is in the scripts of the module's root.
package load
