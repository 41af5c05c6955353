package attest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// world is everything outside of the pipeline: images, a registry that keeps what is
// stored, and the calls that were made, in their order. An entry of fail makes the call
// fail that reads like its key or begins with it.
type world struct {
	refs     []string // images of the request, in order
	subjects map[string]*attest.Subject
	formats  []attest.Format
	created  string // creation time of documents
	version  string // of the packages of documents
	text     string // of every document, if set
	packages int
	fail     map[string]error
	on       map[string]func() // is called before the call is answered
	signs    int               // how many statements are logged before Sign fails
	stores   int               // how many attachments are stored before Attach fails
	served   func(attest.Stored) attest.Stored
	newLog   bool       // a log of version 2 alone
	job      attest.Run // that the identity names
	moved    v1.Hash    // of all tags at the end; the zero Hash: of none
	ended    error      // why the context of the download has ended

	signsFor  attest.SignatureFormat
	noPromise bool

	mu     sync.Mutex
	calls  []string
	log    bytes.Buffer
	store  []stored // the registry
	logged int      // entries of the log
}

// newWorld has one image.
func newWorld(subject *attest.Subject) *world {
	return worldOf(map[string]*attest.Subject{subject.Ref.Context().Name() + ":v1": subject})
}

// worldOf has images by reference; they are sealed in the order of their names.
func worldOf(subjects map[string]*attest.Subject) *world {
	w := &world{
		subjects: subjects, formats: []attest.Format{attest.SPDXJSON}, created: today, version: "1.0", packages: 3,
		fail: map[string]error{}, on: map[string]func(){},
	}
	for ref := range subjects {
		w.refs = append(w.refs, ref)
	}
	slices.Sort(w.refs)
	return w
}

// call records what was called, and says how it ends.
func (w *world) call(format string, args ...any) error {
	w.mu.Lock()
	call := strings.TrimSpace(fmt.Sprintf(format, args...))
	w.calls = append(w.calls, call)
	w.mu.Unlock()
	for prefix, hook := range w.on {
		if strings.HasPrefix(call, prefix) {
			hook()
		}
	}
	for prefix, err := range w.fail {
		if strings.HasPrefix(call, prefix) {
			return err
		}
	}
	return nil
}

// Resolve implements [attest.Resolver].
func (w *world) Resolve(_ context.Context, ref name.Reference, expected v1.Hash, platforms []v1.Platform) (*attest.Subject, error) {
	text := ""
	if len(platforms) > 0 {
		text = fmt.Sprint(platforms)
	}
	if err := w.call("resolve %s %s %s", ref, expected.Hex, text); err != nil {
		return nil, err
	}
	subject := *w.subjects[ref.String()]
	if tag, ok := ref.(name.Tag); ok {
		subject.Tags = []string{tag.TagStr()}
	}
	return &subject, nil
}

// Digest implements [attest.Resolver].
func (w *world) Digest(_ context.Context, tag name.Tag) (v1.Hash, error) {
	if err := w.call("digest of %s", tag); err != nil {
		return v1.Hash{}, err
	}
	if w.moved != (v1.Hash{}) {
		return w.moved, nil
	}
	return w.subjects[tag.Name()].Digest(), nil
}

// Download implements [attest.Downloader].
func (w *world) Download(ctx context.Context, images []attest.Image, dir string) error {
	var all []string
	for _, img := range images {
		all = append(all, short(img.Manifest))
	}
	err := w.call("download %s to %s", strings.Join(all, " "), dir)
	w.ended = context.Cause(ctx)
	return err
}

// Catalog implements [attest.Cataloger].
func (w *world) Catalog(_ context.Context, dir string, img attest.Image) (*attest.SBOM, error) {
	return w.document(img), w.call("catalog %s %s in %s", short(img.Manifest), img.Platform, dir)
}

// Load implements [attest.Cataloger].
func (w *world) Load(img attest.Image) (*attest.SBOM, error) {
	return w.document(img), w.call("load %s %s", short(img.Manifest), img.Platform)
}

func (w *world) document(img attest.Image) *attest.SBOM {
	out := &attest.SBOM{Image: img, Packages: w.packages}
	for _, f := range w.formats {
		doc := document(f, img.Platform.String()+" "+w.version, w.created)
		if w.text != "" {
			doc.Bytes = []byte(w.text)
		}
		out.Documents = append(out.Documents, doc)
	}
	return out
}

// Index implements [attest.Cataloger]. Its documents name those of the platforms by their
// size, which stands for a checksum.
func (w *world) Index(subject *attest.Subject, platforms []*attest.SBOM) (*attest.SBOM, error) {
	if err := w.call("index %s of %d", short(subject.Manifest), len(platforms)); err != nil {
		return nil, err
	}
	out := &attest.SBOM{Image: attest.Image{Manifest: subject.Manifest}}
	for i, f := range w.formats {
		if f.PredicateType() == "" {
			continue
		}
		of := "index of"
		for _, p := range platforms {
			of += fmt.Sprintf(" %x", sum(p.Documents[i].Bytes))
		}
		out.Documents = append(out.Documents, document(f, of, w.created))
	}
	return out, nil
}

// Step counts as a call, so that sections which stay open are seen.
func (w *world) Step(title string, _ func() string) func() {
	_ = w.call("# %s", title)
	return func() { _ = w.call("#end") }
}

// run seals w.refs with everything on, and checks what holds for every run.
func (w *world) run(t *testing.T, change func(r *attest.Request)) (*attest.Result, error) {
	t.Helper()
	return w.runWith(t.Context(), t, change)
}

// references are w.refs.
func (w *world) references(t *testing.T) []attest.Reference {
	t.Helper()
	var out []attest.Reference
	for _, text := range w.refs {
		ref, err := name.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, attest.Reference{Ref: ref})
	}
	return out
}

func (w *world) runWith(ctx context.Context, t *testing.T, change func(r *attest.Request)) (*attest.Result, error) {
	t.Helper()
	w.calls = nil
	w.log.Reset()
	req := attest.Request{Images: w.references(t), SBOM: true, Sign: attest.SignOptions{Recursive: true, Attest: true, Format: attest.Both}}
	if change != nil {
		change(&req)
	}
	w.signsFor, w.noPromise = req.Sign.Format, w.newLog
	if w.newLog {
		w.signsFor = attest.Bundles
	}
	withoutTimes := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}
	p := &attest.Pipeline{
		Resolver: w, Downloader: w, Cataloger: w, Signer: w, Verifier: w, Attacher: w, Progress: w,
		Log:       slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTimes})),
		LayoutDir: "layout",
	}
	res, err := p.Run(ctx, req)
	if res == nil {
		t.Fatal("Run returns no Result")
	}
	w.checkSections(t)
	checkResult(t, res, err)
	return res, err
}

// checkSections: one section of the log is open at a time, and none in the end.
func (w *world) checkSections(t *testing.T) {
	t.Helper()
	open := 0
	for _, c := range w.calls {
		switch {
		case c == "#end":
			open--
		case strings.HasPrefix(c, "# "):
			open++
		}
		if open < 0 || open > 1 {
			t.Fatalf("sections nest: %q", w.calls)
		}
	}
	if open != 0 {
		t.Errorf("a section stays open: %q", w.calls)
	}
}

// checkResult: what a Result says of bundles and attachments goes together.
func checkResult(t *testing.T, res *attest.Result, err error) {
	t.Helper()
	for _, s := range res.Seals {
		if s.Err != nil && err == nil {
			t.Errorf("an image failed with %v, and the run did not", s.Err)
		}
		for _, b := range s.Bundles {
			if b.Statement == nil || len(s.AttachmentsOf(b)) == 0 {
				t.Errorf("the bundle %d belongs nowhere", b.Entry.Index)
			}
		}
		for _, a := range s.Attachments {
			if (a.Bundle == nil) == (a.Document == nil) {
				t.Errorf("an attachment with bundle %v and document %v", a.Bundle, a.Document)
			}
			if a.Bundle != nil && a.Bundle.Statement.About != a.About {
				t.Errorf("the bundle about %s belongs to %s", a.Bundle.Statement.About.Ref, a.About.Ref)
			}
			if err == nil && a.State != attest.New && a.State != attest.Existing && a.State != attest.Skipped {
				t.Errorf("the run succeeded, and an attachment of form %s is %s", a.Form, a.State)
			}
			if a.InRegistry() && a.Manifest.Ref == (name.Digest{}) {
				t.Errorf("an attachment of form %s is somewhere", a.Form)
			}
		}
	}
}

// made are the calls without sections.
func (w *world) made() []string {
	return slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return strings.HasPrefix(c, "#") })
}

// did returns the calls that begin with prefix.
func (w *world) did(prefix string) []string {
	var out []string
	for _, c := range w.calls {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return out
}

// trace is what happened, for a golden file. Catalogs run side by side and are sorted; all
// else is in order.
func (w *world) trace() string {
	calls := w.calls
	for i := range calls {
		end := i
		for end < len(calls) && (strings.HasPrefix(calls[end], "catalog ") || strings.HasPrefix(calls[end], "load ")) {
			end++
		}
		slices.Sort(calls[i:end])
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c == "#end" }), "\n") + "\n"
}

// goldenProblem compares what the user reads with a file of testdata; UPDATE=1 writes it.
func goldenProblem(t *testing.T, file string, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	p := problem.From(err)
	if p.Code == problem.Unexpected {
		t.Fatalf("an error without advice: %v", err)
	}
	golden.Compare(t, "problems/"+file+".txt", fmt.Sprintf("%s\n%s\n%s\n%s\n\nall: %v\n", p.Code, p.What, p.Why, p.Fix, err))
}

// denied is a failure with advice, as adapters make them.
func denied(what string) *problem.Problem {
	return &problem.Problem{Code: problem.RegistryDenied, What: what, Why: "The token may read only.", Fix: "packages: write", Err: errors.New("403 DENIED")}
}
