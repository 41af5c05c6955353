package attest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"seal-image/internal/problem"
)

// Form is a way to store something next to an image.
type Form string

// The forms.
const (
	// FormBundle is a Sigstore bundle as an OCI 1.1 referrer.
	FormBundle Form = "bundle"
	// FormSig is a layer of the manifest under cosign's tag sha256-<hex>.sig.
	FormSig Form = "sig"
	// FormAtt is a layer of the manifest under cosign's tag sha256-<hex>.att.
	FormAtt Form = "att"
	// FormReferrer is an SBOM document, unsigned, as an OCI 1.1 referrer.
	FormReferrer Form = "referrer"
	// FormTag is an SBOM document, unsigned, under the tag sha256-<hex>.sbom, as `cosign
	// attach sbom` stores it.
	FormTag Form = "tag"
)

// IsTag reports whether the form is kept under a tag of its own, which old verifiers read.
func (f Form) IsTag() bool { return f == FormSig || f == FormAtt || f == FormTag }

// State is how far an attachment, or an asset of a release, got.
type State string

// The states.
const (
	Planned  State = "planned"  // not in the registry as far as is known
	New      State = "new"      // stored by this run
	Existing State = "existing" // was there already
	Skipped  State = "skipped"  // the registry refused it, and the run may go on without
	Replaced State = "replaced" // stored by this run in the place of another
)

// Attachment is a bundle or a document that belongs next to an image.
type Attachment struct {
	Form     Form
	About    Manifest
	Bundle   *Bundle   // nil for a document
	Document *Document // nil for a bundle
	State    State
	Manifest Manifest // where it is, or would be; set when it was sent to the registry
}

// InRegistry reports whether verifiers can find the attachment.
func (a *Attachment) InRegistry() bool { return a.State == New || a.State == Existing }

// Result is what a run found out and made public. [Pipeline.Run] returns it on failure
// too: a log entry cannot be taken back, so the user must learn of it.
type Result struct {
	Identity Identity
	Seals    []*Seal   // one per image, in the order of the request
	Artifact *Artifact // nil if nothing was uploaded
	Release  *Release  // nil if nothing was attached to one
}

// Artifact is the zip file of documents and bundles that is kept with the workflow's run.
type Artifact struct {
	ID   int64
	Name string
	URL  string // of its page
}

// Release is the one that documents and bundles were attached to.
type Release struct {
	Tag    string
	URL    string // of its page; a draft gets another one when it is published
	Assets []Asset
}

// Asset is a file of a release.
type Asset struct {
	Name  string
	State State // New, Existing or Replaced
}

// Seal is what was done for one image.
type Seal struct {
	Ref         string   // as the user wrote it
	Subject     *Subject // nil if it could not be resolved
	SBOMs       []*SBOM
	Bundles     []*Bundle
	Attachments []*Attachment
	Err         error // why this image is not sealed; nil if it is

	before *before
	stored []*found // of what was there before, what this workflow has signed
}

// Signature is the signature of the digest that the user named, or nil.
func (s *Seal) Signature() *Attachment {
	return s.find(func(st *Statement) bool { return st.IsSignature() })
}

// Attestation is the SBOM attestation of the digest that the user named, or nil.
func (s *Seal) Attestation() *Attachment {
	return s.find(func(st *Statement) bool { return !st.IsSignature() && !st.IsProvenance() })
}

// SBOM is the SBOM of the digest that the user named: of the image, of the index, or of the
// only image of the index; nil if there is none.
func (s *Seal) SBOM() *SBOM {
	if len(s.SBOMs) == 1 {
		return s.SBOMs[0]
	}
	for _, doc := range s.SBOMs {
		if s.Subject != nil && doc.Image.Ref == s.Subject.Ref {
			return doc
		}
	}
	return nil
}

// SBOMOf is the SBOM about one image: a platform, or, without platform, the index; nil if there
// is none.
func (s *Seal) SBOMOf(img Image) *SBOM {
	for _, sbom := range s.SBOMs {
		if sbom.Image.Ref == img.Ref && sbom.Image.Platform.Equals(img.Platform) {
			return sbom
		}
	}
	return nil
}

// AttachmentsOf says where b belongs.
func (s *Seal) AttachmentsOf(b *Bundle) []*Attachment {
	var out []*Attachment
	for _, a := range s.Attachments {
		if a.Bundle == b {
			out = append(out, a)
		}
	}
	return out
}

// find returns the first attachment about the subject whose statement is wanted: a bundle
// if there is one, for bundles stand before tags.
func (s *Seal) find(wanted func(*Statement) bool) *Attachment {
	for _, a := range s.Attachments {
		if a.InRegistry() && a.Bundle != nil && a.About.Ref == s.Subject.Ref && wanted(a.Bundle.Statement) {
			return a
		}
	}
	return nil
}

// found is a statement that this workflow has signed before.
type found struct {
	stored Stored
	bundle *Bundle
}

// problem is why the run failed; nil if every image is sealed.
func (r *Result) problem() error {
	outcomes := make([]outcome, len(r.Seals))
	for i, s := range r.Seals {
		outcomes[i] = outcome{ref: s.Ref, err: s.Err}
	}
	return together(outcomes, "sealed")
}

// outcome is what became of one image.
type outcome struct {
	ref string
	err error
}

// together is why a run failed: nil if no image did, the reason of the one image, or all
// reasons together. done is what was to become of the images.
func together(outcomes []outcome, done string) error {
	var failed []outcome
	var errs []error
	for _, o := range outcomes {
		if o.err != nil {
			failed, errs = append(failed, o), append(errs, fmt.Errorf("%s: %w", o.ref, o.err))
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case len(outcomes) == 1:
		return failed[0].err
	}
	all := &problem.Problem{
		Code: problem.From(failed[0].err).Code,
		What: fmt.Sprintf("%d of %d images are not %s.", len(failed), len(outcomes), done),
		Err:  errors.Join(errs...),
	}
	var why, fix []string
	for _, o := range failed {
		p := problem.From(o.err)
		reason := p.What + " " + p.Why
		if !strings.Contains(p.What, o.ref) {
			reason = o.ref + ": " + reason
		}
		why = append(why, reason)
		if !slices.Contains(fix, p.Fix) {
			fix = append(fix, p.Fix)
		}
	}
	all.Why, all.Fix = strings.Join(why, "\n"), strings.Join(fix, "\n")
	return all
}
