// Package container runs the action where its users run it: in the image that the Dockerfile
// builds, as the runner starts it. `make test-container` runs it.
//
// It needs the build tag container, because it needs a container engine. It uses the one of
// this machine; where none answers it installs Debian's and runs it for the length of the
// test. No image is pulled: what the Dockerfile starts from is made here of Debian packages,
// of this Go and of its caches, and kept in .bin for the next run.
package container
