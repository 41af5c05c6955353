// Package sbom makes the documents that list the packages of an image, with syft.
//
// Cataloging is done by child processes, because an image is hostile input and its parsers
// are many. The parent ([Cataloger]) holds the credentials and never parses content; the
// children parse and hold nothing: no token, no network credentials, no
// environment but TMPDIR and the two limits of the Go runtime, other users where the parent
// is root, and, before they read anything, the loss of all that they do not need
// ([Confine]). What crosses is an OCI image layout on disk, a request on standard input, and
// answers on standard output: a pipe, and not files that a child could make point
// elsewhere. If a child crashes, hangs or takes too much memory or disk ([Limits]), it ends
// alone.
//
// One child of an image ([Unpack]) expands layers while others are still on their way, each
// once for all images that have it, and checks them against what the config says of them. The
// other ([Child]) indexes each as soon as it is expanded, and then looks for packages. They
// have different users: who parses packages cannot change what another image's child reads.
//
// A document is syft's, and more: what the package databases hold of a package and syft
// does not pass on is added ([enrich]), and what would say something else than the
// specification means is taken away. Nothing is guessed: what the image holds nothing for
// stays NOASSERTION, and is counted in the comment of the SPDX document. The model of SPDX
// is made first, and CycloneDX takes from it what it has beyond syft's own.
//
// The same image, options and versions give the same bytes, but for the creation time, and
// namespace and serial number are made of all the rest. So a later run finds the document
// of an earlier one again.
//
// The parent also reads documents that the user made ([Cataloger.Load]), which it only
// recognizes and counts, and describes an index by the documents of its images
// ([Cataloger.Index]).
package sbom
