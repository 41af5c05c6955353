package attest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"seal-image/internal/problem"
)

// noSignature explains an image without a signature that counts.
func (e *evidence) noSignature(m Manifest, req VerifyRequest) error {
	refused := e.refused[claimSignature]
	if len(refused) == 0 {
		return e.notSigned(m, req)
	}
	p := &problem.Problem{
		Code: problem.SignatureUntrusted,
		What: fmt.Sprintf("No signature of %s can be trusted.", m.Ref),
		Why: fmt.Sprintf("Expected a signature by %s. Found %s, and accepted none:\n%s", req.Expected,
			count(e.found[claimSignature], claimSignature), reasons(refused)),
		Fix: "Do not use this image. If another Sigstore than the public one has signed it, name its trust root: trusted-root, or tuf-url and tuf-root.",
	}
	if slices.ContainsFunc(refused, isOtherSigner) {
		p.Code = problem.SignerUnexpected
		p.What = fmt.Sprintf("%s is signed by somebody else than expected.", m.Ref)
		p.Fix = "Do not use this image before you know who signed it. If that signer is right, correct the inputs that say who is expected: " +
			"repository, workflow and ref, or certificate-identity; and certificate-oidc-issuer."
	}
	return p
}

func isOtherSigner(err error) bool {
	_, ok := errors.AsType[*OtherSigner](err)
	return ok
}

func (e *evidence) notSigned(m Manifest, req VerifyRequest) error {
	why := fmt.Sprintf("Expected a signature by %s. Found next to the image, %s: %s.", req.Expected, places[req.Format], e.inventory())
	if e.found[claimSBOM] > 0 {
		why += " An SBOM attestation says what is in an image, and does not sign it."
	}
	fix := "Seal the image in the job that pushes it, or sign it there with `cosign sign`."
	if req.Format != Both {
		fix += " If it is signed for other verifiers, write\n  signature-format: both"
	}
	return &problem.Problem{
		Code: problem.NotSigned,
		What: fmt.Sprintf("%s is not signed.", m.Ref),
		Why:  strings.Join(append([]string{why}, e.noPlace...), "\n"),
		Fix:  fix,
	}
}

// places are where signatures may be, by the request.
var places = map[SignatureFormat]string{
	Both:    "as bundles and under the tags .sig and .att",
	Bundles: "as bundles",
	Legacy:  "under the tags .sig and .att",
}

func (e *evidence) noSBOM(m Manifest, req VerifyRequest) error {
	refused := e.refused[claimSBOM]
	why := fmt.Sprintf("The image is signed, and `require-sbom` wants an SBOM by the same signer, %s. Found %s", req.Expected, count(e.found[claimSBOM], claimSBOM))
	if len(refused) > 0 {
		why += ", and accepted none:\n" + reasons(refused)
	} else {
		why += "."
	}
	return &problem.Problem{
		Code: problem.SBOMMissing,
		What: fmt.Sprintf("%s has no SBOM that can be trusted.", m.Ref),
		Why:  strings.Join(append([]string{why}, e.noPlace...), "\n"),
		Fix:  "Seal the image with its SBOM: `sbom: true` and `attach-sbom: attestation`, which are the defaults. Or leave require-sbom out.",
	}
}

// Bounds of what is told of refusals: somebody may store thousands.
const (
	maxReasons = 5
	maxReason  = 500
)

// reasons lists errors, each once, a line each.
func reasons(errs []error) string {
	var lines []string
	for _, err := range errs {
		line := shortened(err.Error())
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if more := len(lines) - maxReasons; more > 0 {
		lines = append(lines[:maxReasons], fmt.Sprintf("and %d other reasons", more))
	}
	return strings.Join(lines, "\n")
}

// shortened puts foreign text on one line, of bounded length.
func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}
