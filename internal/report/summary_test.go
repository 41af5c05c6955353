package report_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/report"
)

var proof = []byte("{}")

// job is that of all summaries here.
var job = report.Job{
	RunURL: "https://github.com/acme/app/actions/runs/123456789", Action: "acme/seal-image@v1",
	Steps: []report.Step{{"Check permissions", 1234 * time.Millisecond}, {"Sign and log", 99 * time.Second}},
}

// denied is how runs fail here.
func denied() *problem.Problem {
	return &problem.Problem{
		Code: problem.RegistryDenied, What: "ghcr.io refuses to store what belongs to ghcr.io/acme/app.",
		Why: "The token may read only.\nIt is that of a fork.", Fix: "Add to the job\n  permissions:\n    packages: write",
	}
}

// partly is the result of a run of which one image failed half way, one could not be
// resolved, one not be cataloged, and one is sealed.
func partly(t *testing.T) *attest.Result {
	t.Helper()
	m := &sealer{}
	return result(
		m.seal(t, multi(), how{attached: 2, err: denied()}),
		&attest.Seal{Ref: "ghcr.io/acme/none:v1", Err: &problem.Problem{Code: problem.ImageNotFound, What: "No."}},
		m.dry(in("ghcr.io/acme/win", single(image("a", v1.Platform{OS: "windows", Architecture: "amd64"}))), how{
			noSBOM: true, err: &problem.Problem{Code: problem.ImageUnsupported, What: "No."},
		}),
		m.seal(t, in("ghcr.io/acme/tool", plain()), how{existing: 1}),
	)
}

// kept is the result of a run whose files were uploaded.
func kept(res *attest.Result, name string) *attest.Result {
	res.Artifact = &attest.Artifact{ID: 4000000001, Name: name, URL: "https://github.com/acme/demo/actions/runs/1/artifacts/4000000001"}
	return res
}

// unstamped is the result of a run that was logged by Rekor 2.
func unstamped(res *attest.Result) *attest.Result {
	for _, b := range res.Seals[0].Bundles {
		b.Entry.IntegratedTime, b.Entry.URL = time.Time{}, ""
	}
	return res
}

// signedBy is the result of a run of another workflow.
func signedBy(res *attest.Result, san string) *attest.Result {
	for _, b := range res.Seals[0].Bundles {
		b.Signer.SAN = san
	}
	return res
}

// released is the result of a run whose files belong to a release.
func released(res *attest.Result, tag string) *attest.Result {
	res.Release = &attest.Release{Tag: tag, URL: "https://github.com/acme/demo/releases/tag/v1", Assets: []attest.Asset{
		{Name: "app-linux-amd64.spdx.json", State: attest.New}, {Name: "app.sigstore.json", State: attest.Replaced}, {Name: tag, State: attest.Existing},
	}}
	return res
}

// stored is the result of a run that has stored its attestations with GitHub.
func stored(res *attest.Result) *attest.Result {
	n := 7000000
	for _, b := range res.Seals[0].Bundles {
		if !b.Statement.IsSignature() {
			n++
			b.Page = fmt.Sprintf("https://github.com/acme/demo/attestations/%d", n)
		}
	}
	return res
}

func TestSummary(t *testing.T) {
	t.Parallel()
	withoutTag := plain()
	withoutTag.Tags = nil
	failed := fmt.Errorf("attach: %w", denied())
	only := one(t, plain(), how{existing: 3, attached: -1})
	onlyDocuments := one(t, plain(), how{existing: 3, plain: true, err: failed})
	own := job
	own.OwnSigstore, own.Action = true, ""
	for name, tt := range map[string]struct {
		res *attest.Result
		err error
	}{
		"own-sigstore":    {one(t, plain(), how{}), nil},
		"own-legacy":      {one(t, plain(), how{sign: attest.Legacy}), nil},
		"multi":           {one(t, multi(), how{}), nil},
		"multi-bundle":    {one(t, multi(), how{sign: attest.Bundles}), nil},
		"one-image-index": {one(t, index(image("a", amd64)), how{}), nil},
		"single-digest":   {one(t, withoutTag, how{}), nil},
		"legacy":          {one(t, plain(), how{sign: attest.Legacy}), nil},
		"formats":         {one(t, plain(), how{formats: []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON, attest.SyftJSON}, plain: true}), nil},
		"artifact":        {one(t, artifact(), how{noSBOM: true}), nil},
		"provenance":      {one(t, multi(), how{proven: proof}), nil},
		"existing":        {one(t, plain(), how{existing: 3}), nil},
		"partly-existing": {one(t, plain(), how{existing: 1}), nil},
		"skipped":         {one(t, plain(), how{refused: true}), nil},
		"several":         {several(t), nil},
		"kept":            {kept(one(t, plain(), how{}), "app-aaaaaaaaaaaa"), nil},
		"kept-foreign":    {kept(one(t, plain(), how{}), evil), nil},

		"stored": {stored(one(t, multi(), how{proven: proof})), nil},

		"released":         {released(one(t, plain(), how{}), "v1"), nil},
		"released-foreign": {released(one(t, plain(), how{}), evil), nil},

		"dry-run":         {dryRun(multi()), nil},
		"dry-run-several": {dryRun(multi(), in("quay.io/acme/tool", plain())), nil},

		"failed-early":             {&attest.Result{}, denied()},
		"failed-resolve":           {result(&attest.Seal{Ref: "ghcr.io/acme/none:v1", Err: denied()}), denied()},
		"failed-attach":            {one(t, multi(), how{attached: 3, err: failed}), failed},
		"failed-nothing-attached":  {one(t, plain(), how{attached: -1, err: failed}), failed},
		"failed-some-existed":      {one(t, plain(), how{existing: 1, attached: 2, err: failed}), failed},
		"failed-all-existed":       {only, failed},
		"failed-document-attached": {onlyDocuments, failed},
		"failed-several":           {partly(t), failed},
		"failed-afterwards":        {one(t, multi(), how{}), &problem.Problem{Code: problem.ArtifactFailed, What: "The artifact could not be uploaded.", Why: "w", Fix: "f"}},
		"failed-unknown":           {&attest.Result{}, errors.New("broken pipe")},

		"packages":   {one(t, multi(), how{packages: 7}), nil},
		"many-types": {one(t, plain(), how{packages: 40}), nil},
		"rekor-2":    {unstamped(one(t, plain(), how{sign: attest.Bundles})), nil},
		"reusable":   {signedBy(one(t, plain(), how{}), "https://github.com/acme/workflows/.github/workflows/seal.yml@refs/tags/v1.2"), nil},
		"docker-hub": {one(t, in("index.docker.io/library/app", plain()), how{}), nil},

		"foreign":        {foreign(t, 0), nil},
		"foreign-failed": {foreign(t, 3), &problem.Problem{Code: problem.RegistryDenied, What: evil, Why: "a\n" + evil, Fix: "b\n" + evil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where := job
			if strings.HasPrefix(name, "own-") {
				where = own
			}
			got := report.Summary(tt.res, where, tt.err)
			golden.Compare(t, "summary/"+name+".md", got)
			checkMarkdown(t, got)
		})
	}
}

var (
	literal   = regexp.MustCompile("\\\\[[:punct:]]|`[^`\n]*`") // an escape or a code span, what begins first
	codeBlock = regexp.MustCompile("(?ms)^```(`*)[a-z]+\n.*?^```(`*)$")
	ourLink   = regexp.MustCompile(`\[[^\[\]\n]*\]\(<https?:[^<>|\n\r` + "`" + `]*>\)`)
	ourTitle  = regexp.MustCompile(`^(### (Sealed CODE|Dry run: CODE was not signed|\d+ images( more)?)|#### CODE)$`)
	ourFold   = regexp.MustCompile(`(?m)^(<details><summary>[\w .,:-]*</summary>|</details>)$`)
	ourHTML   = regexp.MustCompile(`<span>[@#$]</span>|<code>[^<>"\n]*</code>|\*\*Already public\*\*|\*[A-Z][a-z ]*\*\.`)
)

// checkMarkdown makes sure that the structure is ours alone: what code and escapes hide
// aside, there is no HTML, no emphasis and no link but ours, every row of a table has the cells
// of its head, and what is opened is closed.
func checkMarkdown(t *testing.T, markdown string) {
	t.Helper()
	outside := literal.ReplaceAllStringFunc(codeBlock.ReplaceAllString(markdown, "CODE"), func(s string) string {
		if s[0] == '`' {
			return "CODE"
		}
		return ""
	})
	for _, ours := range []struct {
		pattern *regexp.Regexp
		stand   string
	}{{ourLink, "LINK"}, {ourHTML, ""}, {ourFold, ""}} {
		outside = ours.pattern.ReplaceAllString(outside, ours.stand)
	}
	for _, markup := range []string{"<", "**", "[", "](", "`", "\r", "@octocat", "#1", "://", "www."} {
		if at := strings.Index(outside, markup); at >= 0 {
			t.Errorf("%q is markup in\n%s", markup, outside[max(0, at-200):min(len(outside), at+200)])
		}
	}
	if opened, closed := strings.Count(markdown, "\n<details>"), strings.Count(markdown, "\n</details>\n"); opened != closed {
		t.Errorf("%d details are opened, %d closed", opened, closed)
	}
	cells := 0
	for i, line := range strings.Split(outside, "\n") {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			if strings.Contains(line, "|") || (i > 0 && strings.HasPrefix(line, "#") && !ourTitle.MatchString(line)) {
				t.Errorf("line %d is not ours: %q", i, line)
			}
			continue
		}
		n := strings.Count(line, "|")
		if cells != 0 && n != cells {
			t.Errorf("row %q has %d bars, its table %d", line, n, cells)
		}
		cells = n
	}
}

// TestPublic: the line of the job log that says what is public after a failure.
func TestPublic(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, c := range []struct {
		name string
		res  *attest.Result
	}{
		{"nothing", &attest.Result{}},
		{"unresolved", result(&attest.Seal{Ref: "ghcr.io/acme/none:v1", Err: denied()})},
		{"dry run", dryRun(multi())},
		{"logged, not attached", one(t, plain(), how{attached: -1})},
		{"some attached", one(t, plain(), how{attached: 2})},
		{"some signed before", one(t, plain(), how{existing: 2, attached: 3})},
		{"all signed before", one(t, plain(), how{existing: 3, attached: -1})},
		{"several", partly(t)},
		{"documents alone", one(t, plain(), how{alone: true, plain: true, existing: 3})},
		{"without answer", one(t, plain(), how{attached: 1, err: fmt.Errorf("attach: %w", unanswered{denied()})})},
	} {
		fmt.Fprintf(&b, "%s: %s\n", c.name, report.Public(c.res, nil))
	}
	golden.Compare(t, "public.txt", b.String())
	if got := report.Public(&attest.Result{}, unanswered{denied()}); !strings.Contains(got, "Not known: log.test") {
		t.Errorf("of a service after the sealing: %q", got)
	}
}

// unanswered is an error of a request that was under way.
type unanswered struct{ error }

func (unanswered) Unanswered() string { return "log.test" }
