package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"seal-image/internal/attest"
)

// maxSummary keeps the summary below the 1 MiB at which GitHub drops all of it.
const maxSummary = 900 << 10

// Job is what the summary says of a run beside its result.
type Job struct {
	RunURL      string // page of the run; may be empty
	Action      string // this action as `uses:` names it, e.g. "acme/seal-image@v1"; may be empty
	OwnSigstore bool   // not the public one: whom to trust has to be told to verifiers
	Steps       []Step // those that were done, in their order
}

// Step is a step of the run.
type Step struct {
	Title string
	Took  time.Duration
}

// room is how much of a result is shown: how many images, how many more in a line each, and
// how many rows of other tables. The widest room that fits is found by trying.
type room struct{ images, lines, rows int }

var rooms = []room{{10_000, 0, 200}, {100, 2000, 100}, {20, 2000, 60}, {10, 2000, 20}, {5, 1000, 10}, {1, 500, 5}, {0, 100, 5}}

// summary writes the Markdown of one room.
type summary struct {
	out strings.Builder
	room
	res      *attest.Result
	job      Job
	contents map[*attest.Seal]*contents
}

func (s *summary) add(markdown string) { s.out.WriteString(markdown) }

func (s *summary) addf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// Summary is the Markdown of the job summary. err is how the run ended. Foreign text is
// escaped; of what would not fit, tables are cut first, then images.
func Summary(res *attest.Result, job Job, err error) string {
	found := map[*attest.Seal]*contents{}
	known := lists{}
	for _, s := range res.Seals {
		found[s] = contentsOf(s, known)
	}
	var out string
	for _, r := range rooms {
		s := &summary{room: r, res: res, job: job, contents: found}
		if err != nil {
			s.failure(err)
		}
		s.images(err)
		s.end()
		if out = s.out.String(); len(out) <= maxSummary {
			break
		}
	}
	return out
}

// images shows those that are sealed or, in a dry run, would be; others are part of a failure.
func (s *summary) images(err error) {
	var lines []string
	shown := 0
	for _, seal := range s.res.Seals {
		switch signed := seal.Signature() != nil; {
		case seal.Err != nil || !signed && err != nil:
			continue
		case shown >= s.room.images:
			lines = append(lines, s.line(seal))
		case signed:
			s.success(seal)
		default:
			s.dryRun(seal)
		}
		shown++
	}
	if len(lines) > 0 {
		heading := fmt.Sprintf("%d images more", len(lines))
		if len(lines) == shown {
			heading = fmt.Sprintf("%d images", shown)
		}
		s.addf("### %s\n\n", heading)
		s.table("| image | digest | packages | log&nbsp;entry |\n| --- | --- | --: | --- |\n", lines, s.lines)
	}
}

// line is an image in a row of a table.
func (s *summary) line(seal *attest.Seal) string {
	logged := "not signed"
	if a := seal.Signature(); a != nil {
		logged = entry(a.Bundle.Entry)
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", code(title(seal.Subject)), code(short(seal.Subject.Manifest)), counted(seal), logged)
}

// end shows what is about all images.
func (s *summary) end() {
	if a := s.res.Artifact; a != nil {
		s.addf("The files are kept with the run as %s.\n\n", link(text(a.Name), a.URL))
	}
	if r := s.res.Release; r != nil {
		s.addf("%s belong to the release %s.\n\n", plural(len(r.Assets), "file"), link(text(r.Tag), r.URL))
		var lines []string
		for _, a := range r.Assets {
			lines = append(lines, fmt.Sprintf("| %s | %s |\n", code(a.Name), a.State))
		}
		s.fold("Files of the release", "| file | state |\n| --- | --- |\n", lines)
	}
	s.steps()
}

// pages are GitHub's, about what this run has stored there.
func (s *summary) pages(seal *attest.Seal) {
	var links []string
	for _, b := range seal.Bundles {
		if b.Page != "" {
			links = append(links, link(kind(b.Statement), b.Page)+" of "+about(seal, b.Statement.About))
		}
	}
	if more := len(links) - s.rows; more > 0 {
		links = append(links[:s.rows], fmt.Sprintf("%d more", more))
	}
	if len(links) > 0 {
		s.addf("Stored with GitHub: %s.\n\n", strings.Join(links, ", "))
	}
}

// steps shows how long each took.
func (s *summary) steps() {
	var lines []string
	for _, step := range s.job.Steps {
		lines = append(lines, fmt.Sprintf("| %s | %s |\n", text(step.Title), seconds(step.Took)))
	}
	s.fold("Took "+seconds(total(s.job.Steps)), "| step | took |\n| --- | --: |\n", lines)
}

// total is how long all steps took.
func total(steps []Step) (sum time.Duration) {
	for _, step := range steps {
		sum += step.Took
	}
	return sum
}

// fold is a table that the reader opens.
func (s *summary) fold(title, head string, rows []string) {
	inner := &summary{}
	inner.table(head, rows, max(s.rows, 20)) // enough for the steps
	s.add(folded(title, inner.out.String()))
}

// table writes rows, at most so many.
func (s *summary) table(head string, rows []string, most int) {
	if len(rows) == 0 {
		return
	}
	s.add(head)
	for _, row := range rows[:min(len(rows), most)] {
		s.add(row)
	}
	s.add("\n")
	if left := len(rows) - most; left > 0 {
		s.add(more(left) + "\n\n")
	}
}

// more says what is left out.
func more(n int) string { return fmt.Sprintf("%d more, all in `%s`.", n, ResultsFile) }

// seconds is a duration for people.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// size is a number of bytes for people.
func size(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// title is an image without its digest.
func title(s *attest.Subject) string {
	if len(s.Tags) == 0 {
		return s.Ref.Context().Name()
	}
	return s.Ref.Context().Name() + ":" + strings.Join(s.Tags, ",")
}

// name is an image with its digest.
func name(s *attest.Subject) string {
	if len(s.Tags) == 0 {
		return s.Ref.String()
	}
	return title(s) + "@" + s.Ref.DigestStr()
}

// sealed reports whether every image has its signature, which what comes later cannot undo.
func sealed(res *attest.Result) bool {
	return len(res.Seals) > 0 && !slices.ContainsFunc(res.Seals, func(s *attest.Seal) bool { return s.Err != nil || s.Signature() == nil })
}
