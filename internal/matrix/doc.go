// Package matrix holds the action against its peers: every cosign of internal/peers judges
// what it has attached, in every format, on every kind of registry, with either log and
// either source of trust; it verifies what they have signed; and its bundles are compared
// with those of actions/attest. The commands and policies of the job summary are run as they stand. `make test-matrix` runs it.
//
// It needs the build tag matrix, because it compiles three versions of cosign and takes
// minutes. All else about the attachments is in the scripts of the module's root.
package matrix
