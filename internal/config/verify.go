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
