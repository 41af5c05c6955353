package attest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
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
	told   chan struct{} // closed when the log says that the download has ended
	store  []stored      // the registry
	logged int           // entries of the log
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
func (w *world) Download(ctx context.Context, images []attest.Image, dir string, arrivals *attest.Arrivals) error {
	var all []string
	for _, img := range images {
		all = append(all, short(img.Manifest))
	}
	err := w.call("download %s to %s", strings.Join(all, " "), dir)
	w.ended = context.Cause(ctx)
	if err != nil {
		return err
	}
	w.told = make(chan struct{})
	for _, img := range images {
		arrivals.Expect(img.Digest(), nil)
	}
	return nil
}

// Discard implements [attest.Downloader].
func (w *world) Discard(dir string) { _ = w.call("discard %s", dir) }

// Write takes the log.
func (w *world) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("msg=downloaded")) {
		close(w.told)
	}
	return w.log.Write(line)
}

// Catalog implements [attest.Cataloger]. It ends after the download, as one that takes its
// time does.
func (w *world) Catalog(ctx context.Context, dir string, img attest.Image, arrivals *attest.Arrivals) (*attest.SBOM, error) {
	if _, err := arrivals.Of(ctx, img.Digest()); err != nil {
		return nil, err
	}
	<-w.told
	return w.document(img), w.call("catalog %s %s in %s", short(img.Manifest), img.Platform, dir)
}

// Warm implements [attest.Cataloger].
func (w *world) Warm(context.Context, string, int) {}

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
		Log:       slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTimes})),
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
