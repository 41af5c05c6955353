// Package hostile has one test: images that are made to do harm are cataloged by the real
// child, and take no more time, memory and disk than each may. `make test-hostile` runs it.
//
// It needs the build tag hostile, because some images have a million files. What one limit
// does is tested in internal/sbom, and that nothing is signed in the scripts of the module's
// root.
package hostile
