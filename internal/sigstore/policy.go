package sigstore

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"seal-image/internal/attest"
)

// policy is what is expected of who has signed.
type policy struct {
	identity sigverify.CertificateIdentity
	// ownWorkflow: the workflow is in the repository whose job has signed. Everyone can call
	// a workflow that others may use, and its name alone says nothing of who did.
	ownWorkflow bool
}

// check is what the library does not look at.
func (p policy) check(signer certificate.Summary) error {
	if !p.ownWorkflow || !strings.Contains(signer.SubjectAlternativeName, "/.github/workflows/") {
		return nil // a person, or a service of another kind
	}
	if repo := signer.SourceRepositoryURI; repo == "" || !strings.HasPrefix(signer.SubjectAlternativeName, repo+"/.github/workflows/") {
		return &attest.OtherSigner{Err: fmt.Errorf("expected the workflow to be in the repository whose job signed, got %q signed by a job of %q", signer.SubjectAlternativeName, repo)}
	}
	return nil
}

// exactly expects the workflow, and the repository, ref and commit of this run; where the
// identity names the run, also that.
func exactly(id attest.Identity) (policy, error) {
	return expect(id.SAN, "", id.Issuer, certificate.Extensions{
		SourceRepositoryURI:             id.RepositoryURI,
		SourceRepositoryRef:             id.Ref,
		SourceRepositoryDigest:          id.SHA,
		SourceRepositoryIdentifier:      id.Run.RepositoryID,
		SourceRepositoryOwnerIdentifier: id.Run.OwnerID,
		BuildConfigURI:                  configURI(id),
		BuildTrigger:                    id.Run.Event,
		RunnerEnvironment:               id.Run.Environment,
		RunInvocationURI:                id.Run.InvocationURI,
	})
}

// workflow expects the workflow at any commit, and the repository and ref: every caller of
// a reusable workflow shares its SAN.
func workflow(id attest.Identity) (policy, error) {
	return expect(id.SAN, "", id.Issuer, certificate.Extensions{
		SourceRepositoryURI: id.RepositoryURI,
		SourceRepositoryRef: id.Ref,
	})
}

// expected is the policy of somebody who verifies.
func expected(e attest.Expectation) (policy, error) {
	pattern := ""
	if e.Pattern != "" {
		if _, err := regexp.Compile(e.Pattern); err != nil { // alone: "a)|(?:b" is one with the anchors around it
			return policy{}, fmt.Errorf("expected identity: %w", err)
		}
		pattern = "^(?:" + e.Pattern + ")$" // the whole, and each alternative of it
	}
	p, err := expect(e.SAN, pattern, e.Issuer, certificate.Extensions{SourceRepositoryURI: e.RepositoryURI})
	p.ownWorkflow = e.RepositoryURI == ""
	return p, err
}

func expect(exact, pattern, issuer string, extensions certificate.Extensions) (policy, error) {
	san, err := sigverify.NewSANMatcher(exact, pattern)
	if err != nil {
		return policy{}, fmt.Errorf("expected identity: %w", err)
	}
	iss, err := sigverify.NewIssuerMatcher(issuer, "")
	if err != nil {
		return policy{}, fmt.Errorf("expected issuer: %w", err)
	}
	id, err := sigverify.NewCertificateIdentity(san, iss, extensions)
	return policy{identity: id}, err
}

// identityOf is who a certificate says has signed.
func identityOf(c certificate.Summary) attest.Identity {
	id := attest.Identity{
		SAN:           c.SubjectAlternativeName,
		Issuer:        c.Issuer,
		RepositoryURI: c.SourceRepositoryURI,
		Ref:           c.SourceRepositoryRef,
		SHA:           c.SourceRepositoryDigest,
	}
	if u, err := url.Parse(c.SourceRepositoryURI); err == nil {
		id.Repository = strings.TrimPrefix(u.Path, "/")
	}
	return id
}
