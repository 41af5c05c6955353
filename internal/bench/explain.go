package main

import "strings"

// reasons are why the action sends a request, by the words that it begins and ends with.
var reasons = []struct{ begins, ends, why string }{
	{"fulcio POST", "", "the certificate of the run"},
	{"oidc GET", "", "a token for the preflight, which is only read, and a fresh one for Fulcio"},
	{"rekor GET", "", "whether the log answers, before a certificate is used up on it"},
	{"rekor POST", "", "one entry for each statement"},
	{"tsa POST", "", "a timestamp for each signature, and one before, as of the log"},
	{"tuf GET", "", "the trusted root and the signing config, by TUF"},
	{"results POST", "", "the artifact of the run"},
	{"blobs PUT", "", "the artifact's content, and the list of its blocks"},
	{"registry GET", "/v2/", "which login the registry wants, for reading and for writing"},
	{"registry HEAD", "manifests/v1", "whether the tag has moved meanwhile"},
	{"registry GET", "manifests/v1", "resolves the tag"},
	{"registry GET", ".sig", "what is there, before and after a write, and the signature as a verifier finds it"},
	{"registry GET", ".att", "the same, of attestations"},
	{"registry PUT", ".sig", "makes the signature visible"},
	{"registry PUT", ".att", "makes the attestation visible"},
	{"registry GET", "manifests/DIGEST", "each platform, and each attachment as a verifier finds it"},
	{"registry PUT", "manifests/DIGEST", "each attachment"},
	{"registry GET", "referrers/DIGEST", "what is attached, before and after"},
	{"registry GET", "blobs/DIGEST", "configs and layers, and each attachment as a verifier finds it"},
	{"registry POST", "blobs/uploads/", "opens an upload for each blob, and one in the preflight"},
	{"registry PUT", "blobs/uploads/ID", "each blob"},
	{"registry DELETE", "blobs/uploads/ID", "cancels the upload of the preflight"},
}

// why explains a kind of request of the action.
func why(kind string) string {
	for _, r := range reasons {
		if strings.HasPrefix(kind, r.begins) && strings.HasSuffix(kind, r.ends) {
			return r.why
		}
	}
	return "?"
}
