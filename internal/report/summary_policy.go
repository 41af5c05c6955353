package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"seal-image/internal/attest"
)

// trustRoot is the object of policy-controller that holds the keys of another Sigstore.
const trustRoot = "own-sigstore"

// policies are two ways to have a cluster admit only what this workflow has signed. Kyverno's
// needs the keys of another Sigstore within it, and is left out there; with such keys,
// policy-controller reads tags alone. Neither reads what a log of version 2 has recorded.
func policies(s *attest.Seal, job Job) string {
	if s.Signature().Bundle.Entry.IntegratedTime.IsZero() || job.OwnSigstore && storedAs(s, attest.FormSig) == nil {
		return ""
	}
	id := s.Signature().Bundle.Signer
	var b strings.Builder
	if !strings.HasPrefix(id.SAN, id.RepositoryURI+"/") {
		fmt.Fprintf(&b, "The workflow is not of the repository %s: a policy accepts it for every repository that calls it.\n\n", code(id.Repository))
	}
	b.WriteString("[policy-controller](<https://docs.sigstore.dev/policy-controller/overview/>)")
	if job.OwnSigstore {
		fmt.Fprintf(&b, ", with the keys of this Sigstore as a `TrustRoot` of the name `%s`", trustRoot)
	}
	fmt.Fprintf(&b, ":\n\n%s\n", fenced("yaml", clusterImagePolicy(s, id, job)))
	if !job.OwnSigstore {
		fmt.Fprintf(&b, "[Kyverno](<https://kyverno.io/docs/policy-types/image-validating-policy/>):\n\n%s", fenced("yaml", imageValidatingPolicy(s, id)))
	}
	return b.String()
}

// clusterImagePolicy demands the signature. policy-controller reads signatures under tags
// alone; a bundle is an attestation to it, also one with the predicate type of a signature. It
// wants a URL of Fulcio, and asks nothing there.
// Source: https://github.com/sigstore/policy-controller/blob/main/pkg/apis/policy/v1beta1/clusterimagepolicy_types.go
func clusterImagePolicy(s *attest.Seal, id attest.Identity, job Job) string {
	repository := s.Subject.Ref.Context().Name()
	keys, log := "", "url: https://rekor.sigstore.dev"
	if job.OwnSigstore {
		keys, log = "        trustRootRef: "+trustRoot+"\n", "trustRootRef: "+trustRoot
	}
	out := "apiVersion: policy.sigstore.dev/v1beta1\n" +
		"kind: ClusterImagePolicy\n" +
		"metadata:\n  name: " + policyName(repository) + "\n" +
		"spec:\n  images:\n" +
		"    - glob: " + scalar(repository+":**") + "\n" +
		"    - glob: " + scalar(repository+"@**") + "\n" +
		"  authorities:\n    - name: workflow\n" +
		"      keyless:\n        url: https://fulcio.sigstore.dev\n" + keys + "        identities:\n" + identityOf(id, "          ") +
		"      ctlog:\n        " + log
	if storedAs(s, attest.FormSig) != nil {
		return out
	}
	return out + "\n      signatureFormat: bundle\n      attestations:\n" +
		"        - name: signature\n          predicateType: " + attest.SignaturePredicateType
}

// imageValidatingPolicy demands the signature of every container.
// Source: https://github.com/kyverno/api/blob/main/api/policies.kyverno.io/v1alpha1/imagevalidating_policy.go
func imageValidatingPolicy(s *attest.Seal, id attest.Identity) string {
	repository := s.Subject.Ref.Context().Name()
	var globs strings.Builder
	for _, name := range namesOfRepository(repository) {
		for _, end := range []string{"", ":*", "@*"} {
			globs.WriteString("    - glob: " + scalar(name+end) + "\n")
		}
	}
	return "apiVersion: policies.kyverno.io/v1\n" +
		"kind: ImageValidatingPolicy\n" +
		"metadata:\n  name: " + policyName(repository) + "\n" +
		"spec:\n  validationActions: [Deny]\n  failurePolicy: Fail\n" +
		"  webhookConfiguration:\n    timeoutSeconds: 30\n" +
		"  matchConstraints:\n    resourceRules:\n" +
		"      - apiGroups: ['']\n        apiVersions: [v1]\n        operations: [CREATE, UPDATE]\n        resources: [pods]\n" +
		"  matchImageReferences:\n" + globs.String() +
		"  attestors:\n    - name: workflow\n      cosign:\n" +
		"        keyless:\n          identities:\n" + identityOf(id, "            ") +
		"        ctlog:\n          url: https://rekor.sigstore.dev\n" +
		"  validations:\n    - message: " + scalar(repository+" is not signed by its workflow.") + "\n      expression: >-\n" +
		"        images.containers.map(image, verifyImageSignatures(image, [attestors.workflow])).all(n, n > 0) &&\n" +
		"        images.initContainers.map(image, verifyImageSignatures(image, [attestors.workflow])).all(n, n > 0) &&\n" +
		"        images.ephemeralContainers.map(image, verifyImageSignatures(image, [attestors.workflow])).all(n, n > 0)"
}

// identityOf is an item of a list of identities, which both have alike. A release of each tag
// has an identity of its own, so a tag stands for all.
func identityOf(id attest.Identity, indent string) string {
	out := indent + "- issuer: " + scalar(id.Issuer) + "\n" + indent + "  "
	if workflow, _, isTag := strings.Cut(id.SAN, "@refs/tags/"); isTag {
		return out + "subjectRegExp: " + scalar("^"+regexp.QuoteMeta(workflow)+"@refs/tags/[^@]+$") + "\n"
	}
	return out + "subject: " + scalar(id.SAN) + "\n"
}

// namesOfRepository are the ways in which a pod names a repository of Docker Hub; others have
// one.
func namesOfRepository(repository string) []string {
	path, hub := strings.CutPrefix(repository, "index.docker.io/")
	if !hub {
		return []string{repository}
	}
	names := []string{repository, "docker.io/" + path, path}
	if short, official := strings.CutPrefix(path, "library/"); official {
		names = append(names, "docker.io/"+short, short)
	}
	return names
}

var (
	notInName   = regexp.MustCompile(`[^a-z0-9]+`)
	singleQuote = regexp.MustCompile(`^[\x20-\x7e]*$`)
)

// policyName is the name of an object in Kubernetes.
func policyName(repository string) string {
	const most = 40 // Kyverno makes names of webhooks of it
	name := notInName.ReplaceAllString(repository[strings.LastIndexByte(repository, '/')+1:], "-")
	return strings.Trim(name[:min(len(name), most)], "-") + "-signed"
}

// scalar is a string of YAML, as it is where nothing else could be meant.
func scalar(s string) string {
	switch {
	case plainScalar.MatchString(s) && strings.Contains(s, "/"): // not true, null or no
		return s
	case singleQuote.MatchString(s):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return strconv.QuoteToASCII(s) // its escapes are among those of YAML
}

var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*(:/[A-Za-z0-9._/-]+)?(@[A-Za-z0-9._:/-]*[A-Za-z0-9._/-])?$`)
