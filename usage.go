package main

import (
	"fmt"

	"seal-image/internal/problem"
)

// usage is for who runs the action by hand.
const usage = `seal-image signs a container image that was pushed and attaches a signed SBOM. It is a step
of a workflow of GitHub Actions:

  - uses: OWNER/seal-image@v1          # or OWNER/seal-image/verify@v1, which verifies
    with:
      image: ghcr.io/acme/app:1.2.3

By hand, seal-image seals and "seal-image verify" verifies. What a runner would hand over has to
be in the environment:

  INPUT_IMAGE, INPUT_DIGEST ...         inputs, in upper case, with their hyphens
  GITHUB_WORKSPACE                      a folder
  GITHUB_OUTPUT, GITHUB_STEP_SUMMARY    files, which may be empty
  ACTIONS_ID_TOKEN_REQUEST_URL,         the identity that signs, which only a job with
  ACTIONS_ID_TOKEN_REQUEST_TOKEN        id-token: write has; not for INPUT_DRY-RUN=true, nor to verify

For example, in the image of the action, the SBOM of an image, which nobody signs:

  mkdir out && touch out/outputs out/summary
  docker run --rm -v "$PWD/out:/out" -e GITHUB_WORKSPACE=/out -e GITHUB_OUTPUT=/out/outputs \
    -e GITHUB_STEP_SUMMARY=/out/summary -e INPUT_DRY-RUN=true -e INPUT_UPLOAD-ARTIFACT=false \
    -e INPUT_IMAGE=alpine:3.22 seal-image
`

// unknown is the error of an argument that does not exist.
func unknown(argument string) error {
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: fmt.Sprintf("seal-image has no argument %q.", argument),
		Why:  "Without one it seals, and with `verify` it verifies. All else is in the environment.",
		Fix:  "Leave it out, or write --help.",
	}
}
