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
		"verify-command", "artifact-id", "artifact-url", "attestation-url", "results",
	}
}

// Outputs returns the outputs of a run that succeeded, by name: results describe every
// image, the others the first. What the run did not make (in a dry run, or without SBOM)
// is empty. dir is where the files are, relative to the workspace.
func Outputs(res *attest.Result, dir string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range OutputNames() {
		out[name] = ""
	}
	encoded, err := Results(res, dir)
	if err != nil {
		return nil, err
	}
	if a := res.Artifact; a != nil {
		out["artifact-id"] = strconv.FormatInt(a.ID, 10)
		out["artifact-url"] = a.URL
	}
	s := res.Seals[0]
	n := namesOf(res, s)
	out["attestation-url"] = attestationURL(s)
	out["results"] = string(encoded)
	out["image"] = s.Subject.Ref.String()
	out["digest"] = s.Subject.Ref.DigestStr()
	if sbom := s.SBOM(); sbom != nil {
		doc := sbom.Documents[0]
		out["sbom-path"] = path.Join(dir, n.document(sbom, doc.Format))
		out["sbom-digest"] = digest(doc.Bytes)
	}
	if count, ok := packages(s); ok {
		out["package-count"] = strconv.Itoa(count)
	}
	if a := s.Attestation(); a != nil {
		out["attestation-digest"] = a.Manifest.Ref.DigestStr()
	}
	if a := s.Signature(); a != nil {
		out["bundle-path"] = path.Join(dir, n.bundle(a.Bundle.Statement))
		out["signature-digest"] = a.Manifest.Ref.DigestStr()
		logged(out, s, a.Bundle)
	}
	return out, nil
}

// attestationURL is GitHub's page of the provenance, else of the SBOM, of the digest that the
// user named; empty if this run has stored neither.
func attestationURL(s *attest.Seal) string {
	url := ""
	for _, b := range s.Bundles {
		switch {
		case b.Statement.About.Ref != s.Subject.Ref || b.Page == "":
		case b.Statement.IsProvenance():
			return b.Page
		case url == "":
			url = b.Page
		}
	}
	return url
}

// logged sets the outputs that come from the log entry and the certificate.
func logged(out map[string]string, s *attest.Seal, b *attest.Bundle) {
	out["log-index"] = strconv.FormatInt(b.Entry.Index, 10)
	out["log-url"] = b.Entry.URL
	if !b.Entry.IntegratedTime.IsZero() {
		out["log-integrated-time"] = b.Entry.IntegratedTime.Format(time.RFC3339)
	}
	out["certificate-identity"] = b.Signer.SAN
	out["certificate-oidc-issuer"] = b.Signer.Issuer
	out["certificate-repository"] = b.Signer.Repository
	out["verify-command"] = verifyCommand(s, b.Signer)
}

// verifyCommand is a line to paste. It names the repository as well as the workflow: all
// callers of a reusable workflow share its identity.
func verifyCommand(s *attest.Seal, id attest.Identity) string {
	return "cosign verify " + strings.Join(signerFlags(id), " ") + " " + quote(s.Subject.Ref.String())
}

// signerFlags have cosign expect an identity.
func signerFlags(id attest.Identity) []string {
	return []string{
		"--certificate-identity " + quote(id.SAN),
		"--certificate-oidc-issuer " + quote(id.Issuer),
		"--certificate-github-workflow-repository " + quote(id.Repository),
	}
}

var plain = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// quote makes s one word of a POSIX shell.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
