package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// tagRefused recognises a registry that does not let a tag be written. By then, what
// verifiers of today read is stored.
func tagRefused(m attest.Manifest, tag string, err error) error {
	status, ok := refusal(err)
	if terr, is := errors.AsType[*transport.Error](err); is && terr.StatusCode == http.StatusForbidden {
		status, ok = terr.StatusCode, true
	}
	if !ok {
		return err
	}
	readers := "Verifiers older than cosign 2.6 look there for what belongs to"
	if isFile(tag) {
		readers = "`cosign download sbom` looks there for the SBOM of"
	}
	return &problem.Problem{
		Code: problem.TagsRefused,
		What: fmt.Sprintf("The registry refuses the tag %s.", tag),
		Why:  fmt.Sprintf("%s %s, and the registry answered %d: %s.", readers, m.Ref, status, words(err)),
		Fix:  "If the repository has immutable tags, exempt those that start with sha256- from that. Or " + without(tag),
		Err:  err,
	}
}

func tooManyLayers(tag string, n int) error {
	return &problem.Problem{
		Code: problem.TagsRefused,
		What: fmt.Sprintf("The tag %s is full.", tag),
		Why:  fmt.Sprintf("It would have %d signatures, and cosign reads %d at most.", n, maxLayers),
		Fix:  fmt.Sprintf("Delete the tag %s and run the job again, or %s", tag, without(tag)),
	}
}

// tagTaken explains a tag of cosign's under which somebody keeps something else, of which the
// predicate of a sentence says what it is.
func tagTaken(tag name.Tag, predicate string) error {
	return &problem.Problem{
		Code: problem.TagsRefused,
		What: fmt.Sprintf("The tag %s is taken.", tag.TagStr()),
		Why:  fmt.Sprintf("cosign expects an image manifest there. In %s it %s, which is not ours to replace.", tag.Context(), predicate),
		Fix:  fmt.Sprintf("If nobody needs it, delete the tag %s and run the job again. Or %s", tag.TagStr(), without(tag.TagStr())),
	}
}

// isFile reports whether a tag is that of a document.
func isFile(tag string) bool { return strings.HasSuffix(tag, suffixes[attest.FormTag]) }

// without is how to do without a tag.
func without(tag string) string {
	if isFile(tag) {
		return "leave `tag` out of attach-sbom."
	}
	return "sign for newer verifiers alone:\n  signature-format: bundle"
}
