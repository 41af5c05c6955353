package github

import (
	"errors"

	"seal-image/internal/problem"
)

func explainRelease(ref ReleaseRef, err error) error {
	p := purpose{
		code: problem.ReleaseFailed, what: "The files could not be attached to " + ref.String() + ".",
		input: "upload-release-assets", permission: "contents: write",
	}
	var foreign foreignHost
	switch {
	case errors.Is(err, errNoRelease) && ref.ID != 0:
		return p.problem(err, advice{
			"The release is not there any more, or it is a draft again, which only a job with `contents: write` sees.",
			"Run the workflow for a release that is published, or for the tag with\n  permissions:\n    contents: write",
		})
	case errors.Is(err, errNoRelease):
		return p.problem(err, advice{
			"The tag has no release, or one that is a draft, which only a job with `contents: write` sees.",
			"Make the release before this step, as a draft to publish when it is complete, and let the job see it:\n  permissions:\n    contents: write\n  steps:\n    - run: gh release create \"$GITHUB_REF_NAME\" --repo \"$GITHUB_REPOSITORY\" --verify-tag --draft\n      env:\n        GH_TOKEN: ${{ github.token }}",
		})
	case errors.Is(err, errImmutable):
		return p.problem(err, advice{
			"The release is published, and the repository's releases are immutable.",
			"Make the release a draft, run this step for its tag, and publish it afterwards:\n  - run: gh release edit \"$GITHUB_REF_NAME\" --repo \"$GITHUB_REPOSITORY\" --draft=false\n    env:\n      GH_TOKEN: ${{ github.token }}",
		})
	case errors.As(err, &foreign):
		return p.problem(err, advice{
			"GitHub's API sends uploads to " + string(foreign) + ", which is no host of the server and must not get the token.",
			"Check which server answers at GITHUB_API_URL, a proxy for example.",
		})
	}
	return p.explain(err)
}
