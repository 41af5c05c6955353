// Package load has what takes minutes: many runs that seal the same digest at the same time, runs
// that are killed, one run for hundreds of images or dozens of platforms, a slow link, and hundreds
// of runs with faults everywhere. `make test-load` runs it, and docs/load.md says what came out.
//
// It needs the build tag load. That few runs converge, and what happens when they cannot, is in the
// scripts of the module's root.
package load
