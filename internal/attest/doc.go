// Package attest is the middle of the action: its nouns and the pipeline that seals one
// image. Data walks through once, from the reference to the [Result], and never back:
//
//	reference   Preflight     may we sign, may we push? before the minutes-long part
//	Subject     Resolve       tag -> digest, index -> platforms; no request uses a tag from here
//	OCI layout  Download      blobs of all platforms, each once
//	SBOM        Catalog       one document per platform, made by a child process
//	Statement   [Statements]  pure, deterministic bytes
//	Bundle      Sign          one token, key and certificate; logged; verified before use
//	Attachment  Attach        stored in the registry next to the image
//	Result      ReadBack      what a verifier finds there, verified again
//
// The interfaces of the outside world stand in pipeline.go, before the code that calls
// them; the packages registry, sbom and sigstore implement them and know only this package.
//
// Three decisions surprise, and hold until their reason goes away:
//
//   - Signing comes after the check that we may push, because a log entry is public for good.
//   - The signature of a digest is stored after its SBOM, so that who sees the one sees the other.
//   - Every statement is about one digest. Verifiers accept one with all digests of an index,
//     but then report the first subject for each of them.
package attest
