package sigstore

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

// claims are those of a job's OIDC token that decide who signs. They are not verified:
// Fulcio does that, and its certificate is compared with them.
// Source: https://docs.github.com/actions/reference/security/oidc
type claims struct {
	Issuer         string   `json:"iss"`
	Audience       audience `json:"aud"`
	Repository     string   `json:"repository"`
	Visibility     string   `json:"repository_visibility"`
	Ref            string   `json:"ref"`
	SHA            string   `json:"sha"`
	JobWorkflowRef string   `json:"job_workflow_ref"`
	IssuedAt       int64    `json:"iat"` // Unix seconds; 0 if it does not say
	runClaims
}

// audience is a string or a list of strings (RFC 7519, section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// parseClaims reads the payload of the token. Errors never quote it.
func parseClaims(token secret.String, want string) (*claims, error) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return nil, noClaims(errors.New("it is not a JSON Web Token"))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, noClaims(errors.New("its payload is not base64"))
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil {
		return nil, noClaims(errors.New("its payload is not the JSON of claims"))
	}
	switch {
	case slices.Contains([]string{c.Issuer, c.Repository, c.JobWorkflowRef, c.Ref, c.SHA}, ""):
		return nil, noClaims(errors.New("it lacks the claims of a GitHub Actions job"))
	case !slices.Contains(c.Audience, want):
		return nil, noClaims(fmt.Errorf("it is for the audience %q, not %q", c.Audience, want))
	}
	return &c, nil
}

func noClaims(err error) error {
	return &problem.Problem{
		Code: problem.IDTokenClaims,
		What: "The OIDC token of the job cannot be used to sign.",
		Why:  "The token endpoint gave a token, but " + err.Error() + ".",
		Fix:  "Leave the input oidc-audience at its default unless your own Fulcio wants another one. On GitHub Enterprise Server check its OIDC issuer.",
		Err:  err,
	}
}

// identity is what Fulcio writes into the certificate for these claims. It encodes the
// workflow as a URL, so that a branch such as "größe" reads differently there.
// Source: https://github.com/sigstore/fulcio/blob/main/config/identity/config.yaml
func (c *claims) identity(job Job) (attest.Identity, error) {
	san, err := url.Parse(job.ServerURL + "/" + c.JobWorkflowRef)
	if err != nil {
		return attest.Identity{}, &problem.Problem{
			Code: problem.IDTokenClaims,
			What: "The name of this workflow cannot stand in a certificate.",
			Why:  fmt.Sprintf("The certificate holds it as a URL, and %q cannot be part of one.", c.JobWorkflowRef),
			Fix:  "Run the workflow from a branch or tag without % in its name.",
			Err:  err,
		}
	}
	id := attest.Identity{
		SAN:           san.String(),
		Issuer:        c.Issuer,
		Repository:    c.Repository,
		RepositoryURI: job.ServerURL + "/" + c.Repository,
		Ref:           c.Ref,
		SHA:           c.SHA,
	}
	if job.Provenance {
		id.Run, err = c.run(job.ServerURL)
	}
	return id, err
}

// guardPrivate refuses to publish the name of a private repository by mistake: Fulcio's
// certificate and its CT log carry it, and neither forgets.
func (s *Signer) guardPrivate(c *claims, services *services) error {
	visibility := c.Visibility
	if visibility == "" {
		visibility = s.options.Job.Visibility
	}
	if visibility == "public" || s.options.Job.PrivateIsPublic || !services.public() {
		return nil
	}
	if visibility == "" {
		visibility = "of unknown visibility and counts as private"
	}
	return &problem.Problem{
		Code: problem.PrivateRepository,
		What: fmt.Sprintf("The repository %s is not public, and signing here would publish its name.", c.Repository),
		Why: fmt.Sprintf("It is %s. The certificate names the repository, the workflow and the commit, and the public Sigstore keeps it in public logs for good.",
			visibility),
		Fix: "If that may be known, write below `with:`\n  private-repository: true\nElse use a Sigstore of your own: fulcio-url, rekor-url and trusted-root.",
	}
}
