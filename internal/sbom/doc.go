// Package sbom lists the packages of an image with syft.
//
// The work is done by a child process, because an image is hostile input and its parsers
// are many. The parent ([Cataloger]) holds the credentials and never parses content; the
// child ([Child]) parses and holds nothing: no token, no network credentials, no
// environment but TMPDIR and the two limits of the Go runtime, and another user where the
// parent is root. What crosses is an OCI image layout on disk, a request on standard
// input, and documents on standard output: a pipe, and not files that the child could
// make point elsewhere. If the child crashes, hangs or runs out of memory, it does so alone.
package sbom
