package report

import (
	"fmt"
	"strings"

	"seal-image/internal/attest"
)

// publicIssuer is the issuer that verifiers expect where nothing else is said.
const publicIssuer = "https://token.actions.githubusercontent.com"

// attestationTypes are cosign's names of predicate types.
var attestationTypes = map[string]string{
	attest.SPDXPredicateType:       "spdxjson",
	attest.CycloneDXPredicateType:  "cyclonedx",
	attest.ProvenancePredicateType: "slsaprovenance1",
}

// verifyCommands are the commands of others, to copy. internal/matrix runs them.
func verifyCommands(s *attest.Seal, job Job) string {
	var b strings.Builder
	if job.OwnSigstore {
		fmt.Fprintf(&b, "These images are signed with another Sigstore than the public one. `%s` stands for its trusted root, the target `trusted_root.json` of its TUF repository.\n\n", trustedRoot)
	}
	fmt.Fprintf(&b, "cosign 3:\n\n%s\n", fenced("sh", cosignCommands(s, nil, job)))
	bundles := storedAs(s, attest.FormBundle) != nil
	if bundles || !job.OwnSigstore { // of tags alone, it cannot be told whom to trust by a file
		var flags []string
		if bundles {
			flags = append(flags, "--new-bundle-format")
		}
		if s.Signature().Bundle.Entry.IntegratedTime.IsZero() {
			flags = append(flags, "--use-signed-timestamps")
		}
		fmt.Fprintf(&b, "cosign 2.6:\n\n%s\n", fenced("sh", cosignCommands(s, flags, job)))
	}
	if command := ghCommand(s, job); command != "" {
		fmt.Fprintf(&b, "GitHub's command line:\n\n%s\n", fenced("sh", command))
	}
	fmt.Fprintf(&b, "A job that deploys:\n\n%s", fenced("yaml", verifyStep(s, job)))
	return b.String()
}

// trustedRoot is the file that the commands expect.
const trustedRoot = "trusted_root.json"

// storedAs is an attachment of that form to the digest that the user named, or nil.
func storedAs(s *attest.Seal, f attest.Form) *attest.Attachment {
	for _, a := range s.Attachments {
		if a.Form == f && a.InRegistry() && a.About.Ref == s.Subject.Ref {
			return a
		}
	}
	return nil
}

// cosignCommands verify the signature, and print one attestation of each kind: the user sees
// how to ask for the others.
func cosignCommands(s *attest.Seal, flags []string, job Job) string {
	if job.OwnSigstore {
		flags = append(flags, "--trusted-root "+trustedRoot)
	}
	flags = append(flags, signerFlags(s.Signature().Bundle.Signer)...)
	command := func(verb, ref string) string {
		return strings.Join(append(append([]string{"cosign " + verb}, flags...), quote(ref)), " \\\n  ")
	}
	var out strings.Builder
	out.WriteString(command("verify", s.Subject.Ref.String()))
	told := map[string]bool{}
	for _, b := range s.Bundles {
		kind := attestationTypes[b.Statement.PredicateType]
		if kind == "" || told[kind] || !inRegistry(s.AttachmentsOf(b)) {
			continue
		}
		told[kind] = true
		out.WriteString("\n\n# the " + noun(b.Statement))
		if b.Statement.Platform != "" && s.Subject.IsIndex() {
			out.WriteString(" of " + shown(b.Statement.Platform) + "; other platforms have theirs on their digests")
		}
		out.WriteString("\n" + command("verify-attestation --type "+kind, b.Statement.About.Ref.String()) + " \\\n  | jq -r .payload | base64 -d | jq .predicate")
	}
	return out.String()
}

// noun names an attestation in a comment.
func noun(st *attest.Statement) string {
	if st.IsProvenance() {
		return "provenance"
	}
	return "SBOM"
}

// ghCommand verifies an attestation about the digest that the user named; "" where gh finds
// none, as it reads bundles alone.
func ghCommand(s *attest.Seal, job Job) string {
	for _, a := range s.Attachments {
		if a.Form != attest.FormBundle || !a.InRegistry() || a.About.Ref != s.Subject.Ref || attestationTypes[a.Bundle.Statement.PredicateType] == "" {
			continue
		}
		id := a.Bundle.Signer
		words := []string{
			"gh attestation verify " + quote("oci://"+s.Subject.Ref.String()),
			"--bundle-from-oci",
			"--repo " + quote(id.Repository),
			"--cert-identity " + quote(id.SAN),
		}
		if id.Issuer != publicIssuer {
			words = append(words, "--cert-oidc-issuer "+quote(id.Issuer))
		}
		if job.OwnSigstore {
			words[0] = "jq -c . " + trustedRoot + " > " + trustedRoot + "l # gh wants it in one line\n" + words[0]
			words = append(words, "--custom-trusted-root "+trustedRoot+"l")
		}
		return strings.Join(append(words, "--predicate-type "+quote(a.Bundle.Statement.PredicateType)), " \\\n  ")
	}
	return ""
}

// verifyStep is a step of a workflow.
func verifyStep(s *attest.Seal, job Job) string {
	uses := "OWNER/seal-image/verify@v1"
	if path, ref, ok := strings.Cut(job.Action, "@"); ok {
		uses = path + "/verify@" + ref
	}
	id := s.Signature().Bundle.Signer
	out := "- uses: " + scalar(uses) + "\n  with:\n" +
		"    image: " + scalar(s.Subject.Ref.String()) + "\n" +
		"    certificate-identity: " + scalar(id.SAN) + "\n" +
		"    repository: " + scalar(id.Repository) + "\n"
	if id.Issuer != publicIssuer {
		out += "    certificate-oidc-issuer: " + scalar(id.Issuer) + "\n"
	}
	if job.OwnSigstore {
		out += "    trusted-root: " + trustedRoot + "\n"
	}
	return strings.TrimSuffix(out, "\n")
}
