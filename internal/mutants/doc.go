// Package mutants has one test: each check of internal/sigstore is taken out, one at a time,
// and the tests of that package must notice. `make test-mutants` runs it.
//
// It needs the build tag mutants, because it compiles those tests once for each check and
// takes minutes.
package mutants
