package report

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// failure says what went wrong, where, and what is public already.
func (s *summary) failure(err error) {
	p := problem.From(err)
	outcome := "Not sealed"
	if sealed(s.res) {
		outcome = "Sealed, but the step failed"
	}
	s.addf("### %s: %s\n\n%s\n\n%s\n", outcome, text(p.What), paragraphs(p.Why), fenced("text", p.Fix))
	if n := len(s.job.Steps); n > 0 {
		s.addf("The last step was *%s*.\n\n", text(s.job.Steps[n-1].Title))
	}
	if host := unanswered(s.res, err); host != "" {
		s.addf("**Not known**: %s\n\n", text(perhaps(host)))
	}
	entered, attached := public(s.res)
	if len(entered) == 0 {
		s.addf("No new signature is known to be in the transparency log, and %s attached.\n\n", unsigned(s.res))
		return
	}
	s.entered(len(entered), attached)
	if outcome == "Not sealed" {
		s.add(" The next run finds what is attached, and uses it again.")
	}
	s.add("\n\n")
	s.unfinished()
}

// entered says how many entries are in the log, and how many of them belong to an image.
func (s *summary) entered(n, attached int) {
	entries := "1 new entry is"
	if n > 1 {
		entries = fmt.Sprintf("%d new entries are", n)
	}
	s.addf("**Already public**: %s in the transparency log for good. %d of them are attached to an image, and a verifier may accept those.", entries, attached)
}

// unfinished shows what there is of images that are not sealed; what is sealed has a part of its own.
func (s *summary) unfinished() {
	shown := 0
	for _, seal := range s.res.Seals {
		if len(seal.Bundles) == 0 || seal.Err == nil && seal.Signature() != nil {
			continue
		}
		if shown++; shown > max(s.room.images, 1) {
			continue
		}
		s.addf("#### %s\n\n", code(title(seal.Subject)))
		s.add(fenced("text", seal.Subject.Ref.String()) + "\n")
		s.attached(seal)
	}
	if left := shown - max(s.room.images, 1); left > 0 {
		s.add(more(left) + "\n\n")
	}
}

const unsignedNothing = "nothing was"

// unsigned says what a run has attached that has signed nothing.
func unsigned(res *attest.Result) string {
	n := 0
	for _, s := range res.Seals {
		for _, a := range s.Attachments {
			if a.State == attest.New {
				n++
			}
		}
	}
	if n == 0 {
		return unsignedNothing
	}
	return fmt.Sprintf("%d unsigned documents or earlier signatures were", n)
}

// Public says in a line or two what a run that failed with err had made public; empty if it is
// not known to have made anything so.
func Public(res *attest.Result, err error) string {
	var lines []string
	if entered, attached := public(res); len(entered) > 0 {
		lines = append(lines, fmt.Sprintf("Already public: log entries %s, of which %d are attached to an image.", strings.Join(entered, ", "), attached))
	} else if what := unsigned(res); what != unsignedNothing {
		lines = append(lines, "Already public: "+what+" attached.")
	}
	if host := unanswered(res, err); host != "" {
		lines = append(lines, "Not known: "+perhaps(host))
	}
	return strings.Join(lines, "\n")
}

// unanswered is the host that may have done what it was asked for when the run was stopped;
// empty if there is none.
func unanswered(res *attest.Result, err error) string {
	errs := []error{err}
	for _, s := range res.Seals {
		errs = append(errs, s.Err)
	}
	type asked interface {
		error
		Unanswered() string
	}
	if u, ok := errors.AsType[asked](errors.Join(errs...)); ok {
		return u.Unanswered()
	}
	return ""
}

func perhaps(host string) string {
	return host + " had not answered a request when the run was stopped, and may have done what it asked for."
}

// public returns the log indexes of what this run has signed, and how many of them can be
// found from the image.
func public(res *attest.Result) (entered []string, attached int) {
	for _, s := range res.Seals {
		for _, b := range s.Bundles {
			if b.Existing {
				continue
			}
			entered = append(entered, strconv.FormatInt(b.Entry.Index, 10))
			if inRegistry(s.AttachmentsOf(b)) {
				attached++
			}
		}
	}
	return entered, attached
}

// inRegistry reports whether verifiers can find one of them.
func inRegistry(attachments []*attest.Attachment) bool {
	return slices.ContainsFunc(attachments, (*attest.Attachment).InRegistry)
}
