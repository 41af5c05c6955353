// Package attest is the middle of the action: its nouns and the pipeline that seals images.
// Data walks through once, from the references to the [Result], and never back; each step
// is done for all images before the next begins, and one that fails is left out from there:
//
//	reference   identify, checkPush   may we sign, may we push? before the minutes-long part
//	Subject     resolve     tag -> digest, index -> platforms; no request uses a tag from here
//	Stored      look        what is there already
//	            ready       which services sign, and what they must not learn
//	OCI layout  catalog     blobs of all platforms, each once
//	SBOM        catalog     the documents of each platform, made by a child process
//	Stored      reuse       of what is there, what this workflow has signed; its documents are taken over
//	SBOM        describe    the documents about an index, which name those of its platforms
//	Statement   [Statements]  pure, deterministic bytes
//	Bundle      sign        one token, key and certificate; logged; verified before use
//	Attachment  attach      stored in the registry next to the image, in one or two [Form]s
//	Result      readBack    what a verifier finds there, verified again
//
// [Verification] is the other half, for those who did not sign: reference -> digest -> what is
// stored about it, in every [Form] -> a [Verdict]. It reads alone.
//
// The interfaces of the outside world stand in pipeline.go and verification.go, before the code
// that calls them; the packages registry, sbom, sigstore and runner implement them, and know
// nothing of each other.
//
// Five decisions surprise, and hold until their reason goes away:
//
//   - Signing comes after the check that we may push, because a log entry is public for good.
//   - The signature of a digest is stored after its SBOM, so that who sees the one sees the other.
//   - Every statement is about one digest. Verifiers accept one with all digests of an index,
//     but then report the first subject for each of them.
//   - An attestation is signed once and stored twice, as a bundle and under cosign's tag. The
//     signature of an image has two statements: old verifiers read another format.
//   - What a repeated run finds signed replaces its own documents, down to the creation time:
//     a second statement that says the same would be noise in a public log.
package attest
