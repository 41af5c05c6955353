package registry

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/problem"
)

// The advice for those who only read: they need no right to push, and push nothing.

// mayNotRead is denied for them.
func mayNotRead(err error, who string, repo name.Repository) *problem.Problem {
	fix := "Give " + who + " the right to pull from this repository."
	if repo.RegistryStr() == "ghcr.io" {
		fix = "Add to the job\n  permissions:\n    packages: read\nand, if the package is private and was made elsewhere, add this repository in Package settings > Manage Actions access."
	}
	return &problem.Problem{
		Code: problem.RegistryDenied,
		What: fmt.Sprintf("%s may not read %s.", who, repo),
		Why:  "The login is right, but lacks access to this repository.",
		Fix:  fix,
		Err:  err,
	}
}

// otherImage is moved for them.
func otherImage(ref name.Reference, expected, got v1.Hash) error {
	return &problem.Problem{
		Code: problem.DigestMismatch,
		What: fmt.Sprintf("%s is another image than expected.", ref),
		Why:  fmt.Sprintf("Expected %s, got %s: the tag was moved by another push, or the digest is not that of this image.", expected, got),
		Fix:  "Verify and deploy by the digest alone, which no push can move:\n  image: " + ref.Context().Name() + "\n  digest: " + expected.String(),
	}
}

// howToPush is how an image gets into the registry.
func (c *Client) howToPush() string {
	if c.options.ReadOnly {
		return "Check the name, the tag and the digest in `image`. It is to be pushed, and sealed, before it can be verified."
	}
	return "Push the image in a step before this one, with `push: true`, and hand over its digest:\n  digest: ${{ steps.push.outputs.digest }}"
}
