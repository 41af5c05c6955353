// Code generated from action.yml and verify/action.yml by `make golden`. DO NOT EDIT.

package config

// Inputs returns the inputs that [Parse] reads, in the order of action.yml.
func Inputs() []Input {
	return []Input{
		{Name: "image"},
		{Name: "digest"},
		{Name: "platforms"},
		{Name: "registry-username"},
		{Name: "registry-password"},
		{Name: "github-token", Default: "${{ github.token }}"},
		{Name: "docker-config"},
		{Name: "allow-http-registry", Default: "false"},
		{Name: "sbom", Default: "true"},
		{Name: "sbom-path"},
		{Name: "format", Default: "spdx-json"},
		{Name: "sbom-files", Default: "none"},
		{Name: "catalogers"},
		{Name: "exclude"},
		{Name: "allow-empty-sbom", Default: "false"},
		{Name: "attach-sbom", Default: "attestation"},
		{Name: "provenance", Default: "false"},
		{Name: "annotations"},
		{Name: "recursive", Default: "true"},
		{Name: "signature-format", Default: "both"},
		{Name: "private-repository", Default: "false"},
		{Name: "fulcio-url"},
		{Name: "rekor-url"},
		{Name: "timestamp-url"},
		{Name: "oidc-audience", Default: "sigstore"},
		{Name: "signing-config"},
		{Name: "trusted-root"},
		{Name: "tuf-url"},
		{Name: "tuf-root"},
		{Name: "sigstore-wait", Default: "10m"},
		{Name: "upload-artifact"},
		{Name: "artifact-name"},
		{Name: "upload-artifact-retention"},
		{Name: "upload-release-assets", Default: "false"},
		{Name: "github-attestation", Default: "false"},
		{Name: "dependency-snapshot", Default: "false"},
		{Name: "output-dir", Default: ".seal-image"},
		{Name: "summary", Default: "true"},
		{Name: "dry-run", Default: "false"},
		{Name: "timeout", Default: "30m"},
	}
}

// VerifyInputs returns the inputs that [ParseVerify] reads, in the order of verify/action.yml.
func VerifyInputs() []Input {
	return []Input{
		{Name: "image"},
		{Name: "digest"},
		{Name: "repository"},
		{Name: "workflow"},
		{Name: "ref"},
		{Name: "certificate-identity"},
		{Name: "certificate-identity-regexp"},
		{Name: "certificate-oidc-issuer", Default: "https://token.actions.githubusercontent.com"},
		{Name: "require-sbom", Default: "false"},
		{Name: "signature-format", Default: "both"},
		{Name: "registry-username"},
		{Name: "registry-password"},
		{Name: "github-token", Default: "${{ github.token }}"},
		{Name: "docker-config"},
		{Name: "allow-http-registry", Default: "false"},
		{Name: "trusted-root"},
		{Name: "tuf-url"},
		{Name: "tuf-root"},
		{Name: "output-dir", Default: ".seal-image"},
		{Name: "summary", Default: "true"},
		{Name: "timeout", Default: "10m"},
	}
}
