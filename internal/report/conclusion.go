package report

import (
	"fmt"
	"strings"
	"time"

	"seal-image/internal/attest"
)

// Conclusion is what the log of a run ends with that went well, in lines: what has become of each
// image, how others verify it if it is the only one, and how long the steps took.
func Conclusion(res *attest.Result, steps []Step) []string {
	var lines []string
	for _, s := range res.Seals {
		lines = append(lines, conclusion(s))
	}
	if a := res.Seals[0].Signature(); a != nil && len(res.Seals) == 1 {
		lines = append(lines, "verify it with  "+verifyCommand(res.Seals[0], a.Bundle.Signer))
	}
	return append(lines, took(steps))
}

// conclusion is the line of an image.
func conclusion(s *attest.Seal) string {
	line, about := "dry run, nothing was signed or stored: ", []string{}
	a := s.Signature()
	if a != nil {
		states := map[attest.State]int{}
		for _, a := range s.Attachments {
			states[a.State]++
		}
		line = "sealed "
		if states[attest.New] == 0 {
			line = "was sealed already: "
		}
		about = append(about, fmt.Sprintf("new=%d existing=%d", states[attest.New], states[attest.Existing]))
	}
	if count, ok := packages(s); ok {
		about = append(about, fmt.Sprintf("packages=%d", count))
	}
	if a != nil && a.Bundle.Entry.URL != "" {
		about = append(about, "log="+a.Bundle.Entry.URL)
	}
	return strings.TrimRight(line+s.Subject.Ref.String()+"  "+strings.Join(about, " "), " ")
}

// VerifyConclusion is [Conclusion] for the verify action.
func VerifyConclusion(verdicts []*attest.Verdict, steps []Step) []string {
	var lines []string
	for _, v := range verdicts {
		lines = append(lines, fmt.Sprintf("verified %s  identity=%s", v.Subject.Ref, v.Signature.Signer.SAN))
	}
	return append(lines, took(steps))
}

// took is how long a run took, and those of its steps that make a difference.
func took(steps []Step) string {
	const least = 50 * time.Millisecond // what is shown as 0.1 s
	var parts []string
	for _, step := range steps {
		if step.Took >= least {
			parts = append(parts, step.Title+" "+seconds(step.Took))
		}
	}
	line := "took " + seconds(total(steps))
	if len(parts) > 1 {
		line += ": " + strings.Join(parts, "; ")
	}
	return line
}
