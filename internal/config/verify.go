package config

import "time"

// Verify is what one run of the verify action was asked to do.
type Verify struct {
	Images          []Image // at least one; the order of `image`, each once
	Signer          Signer
	RequireSBOM     bool
	SignatureFormat string // where signatures may be: "both", "bundle" or "legacy"

	Registry Registry
	Trust    Trust

	OutputDir string // relative to the workspace, with slashes
	Summary   bool
	Timeout   time.Duration

	Job Job
}

// VerifyInputs returns the inputs that [ParseVerify] reads, in the order of
// verify/action.yml. A test compares them with that file and README.
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

// handedOver is the digest in a job that verifies what another one has sealed.
var handedOver = digestSource{"${{ needs.image.outputs.digest }}", "an output of the job `image`, which sealed it"}

// ParseVerify is [Parse] for the verify action.
func ParseVerify(getenv func(string) string) (*Verify, error) {
	r := newReader(getenv, VerifyInputs(), handedOver)
	images, job := r.images(), r.job()
	cfg := &Verify{
		Images:          images,
		Signer:          r.signer(job.ServerURL),
		RequireSBOM:     r.flag("require-sbom"),
		SignatureFormat: r.choice("signature-format", "both", "bundle", "legacy"),
		Registry:        r.registry(images, job),
		Trust:           r.trust(),
		OutputDir:       r.folder("output-dir"),
		Summary:         r.flag("summary"),
		Timeout:         r.timeout("timeout"),
		Job:             job,
	}
	return cfg, r.problem()
}
