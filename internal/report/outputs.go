package report

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"seal-image/internal/attest"
)

// OutputNames returns the outputs of the step in the order of action.yml. A test compares
// them with action.yml and README.
func OutputNames() []string {
	return []string{
		"image", "digest",
		"log-index", "log-url", "log-integrated-time",
		"certificate-identity", "certificate-oidc-issuer", "certificate-repository",
		"sbom-path", "sbom-digest", "package-count",
		"bundle-path", "signature-digest", "attestation-digest",
		"verify-command", "results",
	}
}

// Outputs returns the outputs of a run that succeeded, by name. What the run did not make
// (in a dry run, or without SBOM) is empty. dir is where the files are, relative to the
// workspace.
func Outputs(res *attest.Result, dir string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range OutputNames() {
		out[name] = ""
	}
	encoded, err := Results(res, dir)
	if err != nil {
		return nil, err
	}
	out["results"] = string(encoded)
	out["image"] = res.Subject.Ref.String()
	out["digest"] = res.Subject.Ref.DigestStr()
	if len(res.SBOMs) == 1 {
		doc := res.SBOMs[0]
		out["sbom-path"] = path.Join(dir, sbomName(res, doc.Image))
		out["sbom-digest"] = digest(doc.Document)
		out["package-count"] = strconv.Itoa(doc.Packages)
	}
	if a := res.Attestation(); a != nil {
		out["attestation-digest"] = a.Manifest.Ref.DigestStr()
	}
	a := res.Signature()
	if a == nil {
		return out, nil
	}
	out["log-index"] = strconv.FormatInt(a.Bundle.Entry.Index, 10)
	out["log-url"] = a.Bundle.Entry.URL
	out["log-integrated-time"] = a.Bundle.Entry.IntegratedTime.Format(time.RFC3339)
	out["certificate-identity"] = a.Bundle.Signer.SAN
	out["certificate-oidc-issuer"] = a.Bundle.Signer.Issuer
	out["certificate-repository"] = a.Bundle.Signer.Repository
	out["bundle-path"] = path.Join(dir, bundleName(res, a.Bundle.Statement))
	out["signature-digest"] = a.Manifest.Ref.DigestStr()
	out["verify-command"] = verifyCommand(res, a.Bundle.Signer)
	return out, nil
}

// verifyCommand is a line to paste. It names the repository as well as the workflow: all
// callers of a reusable workflow share its identity.
func verifyCommand(res *attest.Result, id attest.Identity) string {
	return "cosign verify " + policy(id) + " " + quote(res.Subject.Ref.String())
}

// attestationCommand is a line that prints the SBOM of one digest.
func attestationCommand(ref string, id attest.Identity) string {
	return "cosign verify-attestation --type spdxjson " + policy(id) + " " + quote(ref)
}

func policy(id attest.Identity) string {
	return "--certificate-identity " + quote(id.SAN) +
		" --certificate-oidc-issuer " + quote(id.Issuer) +
		" --certificate-github-workflow-repository " + quote(id.Repository)
}

var plain = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// quote makes s one word of a POSIX shell.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
