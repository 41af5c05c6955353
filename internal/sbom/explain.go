package sbom

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// without is how to go on without the documents of a platform.
const without = "leave the platform out with `platforms`, attest a document of your own with `sbom-path`, or sign without SBOM with `sbom: false`."

// explain says why an image could not be cataloged. What ends the run from outside stays as it is.
func (c *Cataloger) explain(ctx context.Context, img attest.Image, err error) error {
	cause := context.Cause(ctx)
	if cause != nil && !ours(cause) {
		return cause
	}
	p := &problem.Problem{
		Code: problem.SBOMFailed,
		What: fmt.Sprintf("The packages of the image for %s could not be listed.", img.Platform),
		Why:  "The cataloger ended with an error.",
		Fix:  "Open an issue with the section \"Details\" of this log. Until then " + without,
		Err:  errors.Join(cause, err),
	}
	why, isRefusal := refusalOf(err)
	unpacked, isUnpacked := errors.AsType[unpackedError](cause)
	switch {
	case isRefusal:
		p.Why = why
		p.Fix = "If the image is meant to be so, " + without
	case errors.Is(cause, errTooSlow):
		p.Why = fmt.Sprintf("It took longer than %s.", c.Limits.Time)
		p.Fix = "Leave out files with `exclude` or kinds of packages with `catalogers`, " + without
	case isA[memoryError](cause), says(err, "out of memory"), says(err, "cannot allocate memory"):
		p.Why = "The cataloger needs more memory than its share of the runner's."
		p.Fix = "Use a runner with more memory, or " + without
	case killed(err) && cause == nil:
		p.Why = "The cataloger was killed; most often it needs more memory than the runner has."
		p.Fix = "Use a runner with more memory, or " + without
	case isA[diskError](cause), says(err, "no space left on device"), errors.Is(err, syscall.ENOSPC):
		p.Why = "The disk with the runner's temporary folder is full. Layers are unpacked there, and archives in them."
		p.Fix = "Free space in a step before, use a runner with a larger disk, or " + without
	case isUnpacked:
		p.Why = "Archives in the image, and archives in them, " + unpacked.Error() + "."
		p.Fix = "Leave out with `exclude` what unpacks to so much, e.g. `exclude: \"**/*.zip,**/*.jar\"`, " + without
	}
	return p
}

// ours reports whether the parent ended the child for what the child did.
func ours(cause error) bool {
	return errors.Is(cause, errTooSlow) || isA[memoryError](cause) || isA[diskError](cause) || isA[unpackedError](cause)
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// says reports whether the child ended with these words.
func says(err error, text string) bool {
	child, ok := errors.AsType[*childError](err)
	return ok && strings.Contains(child.words, text)
}

// refusalOf is the sentence of a child that refused the image.
func refusalOf(err error) (string, bool) {
	child, ok := errors.AsType[*childError](err)
	if !ok {
		return "", false
	}
	_, why, ok := strings.Cut(child.words, refused)
	return why, ok
}
