// Package matrix has one test: every cosign of internal/peers judges what the action has
// attached, in every format, on every kind of registry. `make test-matrix` runs it.
//
// It needs the build tag matrix, because it compiles three versions of cosign and takes
// minutes. All else about the attachments is in the scripts of the module's root.
package matrix
