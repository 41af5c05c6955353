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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// world is everything outside of the pipeline: fixed answers, and the calls that were
// made, in their order. An entry of fail makes the call of that name fail.
type world struct {
	subject  *attest.Subject
	packages int
	served   func(bundle []byte) []byte // what the registry gives back; nil: the same
	fail     map[string]error
	signs    int // how many statements are logged before Sign fails

	mu    sync.Mutex
	calls []string
	log   bytes.Buffer
}

func newWorld(subject *attest.Subject) *world {
	return &world{subject: subject, packages: 3, fail: map[string]error{}}
}

// call records what was called; the error is that of the first word.
func (w *world) call(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := fmt.Sprintf(format, args...)
	w.calls = append(w.calls, call)
	return w.fail[strings.Fields(call)[0]]
}

func (w *world) Resolve(_ context.Context, ref name.Reference, expected v1.Hash, platforms []v1.Platform) (*attest.Subject, error) {
	return w.subject, w.call("resolve %s %s %v", ref, expected.Hex, platforms)
}

func (w *world) Download(_ context.Context, images []attest.Image, dir string) error {
	return w.call("download %d to %s", len(images), dir)
}

func (w *world) Catalog(_ context.Context, dir string, img attest.Image) (*attest.SBOM, error) {
	doc := document(img)
	doc.Packages = w.packages
	return doc, w.call("catalog %s in %s", img.Platform, dir)
}

var identity = attest.Identity{SAN: "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", Repository: "acme/app"}

func (w *world) Check(context.Context) (attest.Identity, error) {
	if err := w.call("check-identity"); err != nil {
		return attest.Identity{}, err
	}
	return identity, nil
}

func (w *world) Sign(_ context.Context, statements []*attest.Statement) ([]*attest.Bundle, error) {
	var out []*attest.Bundle
	err := w.call("sign %d", len(statements))
	for i, st := range statements {
		if err != nil && i == w.signs {
			break
		}
		out = append(out, &attest.Bundle{Statement: st, JSON: fmt.Appendf(nil, "bundle %d", i), Signer: identity, Entry: attest.LogEntry{Index: int64(i)}})
	}
	return out, err
}

func (w *world) Verify(bundle []byte, want *attest.Statement) error {
	return w.call("verify %s about %s", bundle, short(want.About))
}

func (w *world) CheckPush(_ context.Context, repo name.Repository) error {
	return w.call("check-push %s", repo)
}

func (w *world) Attach(_ context.Context, m attest.Manifest, bundles []*attest.Bundle) ([]*attest.Attachment, error) {
	var kinds []string
	var out []*attest.Attachment
	for _, b := range bundles {
		kind := "sbom"
		if b.Statement.IsSignature() {
			kind = "signature"
		}
		if b.Statement.About != m {
			kind += " of another digest"
		}
		kinds = append(kinds, kind)
		out = append(out, &attest.Attachment{Bundle: b, Manifest: m})
	}
	if err := w.call("attach %s: %s", short(m), strings.Join(kinds, ", ")); err != nil {
		return out[:1], err
	}
	return out, w.fail["attach-to-"+short(m)]
}

func (w *world) ReadBack(_ context.Context, attachments []*attest.Attachment) ([][]byte, error) {
	if err := w.call("read-back %d", len(attachments)); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, a := range attachments {
		b := a.Bundle.JSON
		if w.served != nil {
			b = w.served(b)
		}
		out = append(out, b)
	}
	return out, nil
}

// Step counts as a call, so that sections which stay open are seen.
func (w *world) Step(title string) func() {
	_ = w.call("# %s", title)
	return func() { _ = w.call("#end") }
}

func short(m attest.Manifest) string { return m.Digest().Hex[:1] }

// run runs the pipeline and checks what holds for every run.
func (w *world) run(t *testing.T, change func(r *attest.Request)) (*attest.Result, error) {
	t.Helper()
	tag, err := name.NewTag(repository + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	req := attest.Request{Ref: tag, Recursive: true, SBOM: true}
	if change != nil {
		change(&req)
	}
	withoutTimes := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}
	p := &attest.Pipeline{
		Resolver: w, Downloader: w, Cataloger: w, Signer: w, Verifier: w, Attacher: w, Progress: w,
		Log:       slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: withoutTimes})),
		LayoutDir: "layout",
	}
	res, err := p.Run(t.Context(), req)
	if res == nil {
		t.Fatal("Run returns no Result")
	}
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
	return res, err
}

// made are the calls without sections.
func (w *world) made() []string {
	return slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return strings.HasPrefix(c, "#") })
}

// did reports whether a call with this first word was made.
func (w *world) did(call string) bool {
	return slices.ContainsFunc(w.calls, func(c string) bool { return strings.Fields(c)[0] == call })
}

func TestRunOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		subject *attest.Subject
		change  func(r *attest.Request)
		want    []string
	}{
		"plain image": {
			subject: single(),
			want: []string{
				"check-identity", "check-push ghcr.io/acme/app", "resolve ghcr.io/acme/app:v1  []",
				"download 1 to layout", "catalog linux/amd64 in layout",
				"sign 2", "attach a: sbom, signature",
				"read-back 2", "verify bundle 0 about a", "verify bundle 1 about a",
			},
		},
		"index of two": {
			subject: index(image("a", "amd64"), image("b", "arm64")),
			want: []string{
				"check-identity", "check-push ghcr.io/acme/app", "resolve ghcr.io/acme/app:v1  []",
				"download 2 to layout", "catalog linux/amd64 in layout", "catalog linux/arm64 in layout",
				"sign 5", "attach a: sbom, signature", "attach b: sbom, signature", "attach f: signature",
				"read-back 5", "verify bundle 0 about a", "verify bundle 2 about a",
				"verify bundle 1 about b", "verify bundle 3 about b", "verify bundle 4 about f",
			},
		},
		"index of one": {
			subject: index(image("a", "amd64")),
			want: []string{
				"check-identity", "check-push ghcr.io/acme/app", "resolve ghcr.io/acme/app:v1  []",
				"download 1 to layout", "catalog linux/amd64 in layout",
				"sign 4", "attach a: sbom, signature", "attach f: sbom, signature",
				"read-back 4", "verify bundle 0 about a", "verify bundle 1 about a", "verify bundle 2 about f", "verify bundle 3 about f",
			},
		},
		"index without SBOM, not recursive": {
			subject: index(image("a", "amd64"), image("b", "arm64")),
			change:  func(r *attest.Request) { r.SBOM, r.Recursive = false, false },
			want: []string{
				"check-identity", "check-push ghcr.io/acme/app", "resolve ghcr.io/acme/app:v1  []",
				"sign 1", "attach f: signature", "read-back 1", "verify bundle 0 about f",
			},
		},
		"expected digest and platforms": {
			subject: single(),
			change: func(r *attest.Request) {
				r.SBOM = false
				r.Digest = v1.Hash{Algorithm: "sha256", Hex: "abc"}
				r.Platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}}
			},
			want: []string{
				"check-identity", "check-push ghcr.io/acme/app", "resolve ghcr.io/acme/app:v1 abc [linux/amd64]",
				"sign 1", "attach a: signature", "read-back 1", "verify bundle 0 about a",
			},
		},
		"dry run": {
			subject: index(image("a", "amd64"), image("b", "arm64")),
			change:  func(r *attest.Request) { r.DryRun = true },
			want: []string{
				"check-identity", "check-push ghcr.io/acme/app", "resolve ghcr.io/acme/app:v1  []",
				"download 2 to layout", "catalog linux/amd64 in layout", "catalog linux/arm64 in layout",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(tt.subject)
			res, err := w.run(t, tt.change)
			if err != nil {
				t.Fatal(err)
			}
			got := w.made()
			// Catalogs run side by side; all else is in order.
			if i := slices.IndexFunc(got, func(c string) bool { return strings.HasPrefix(c, "catalog") }); i >= 0 {
				slices.Sort(got[i : i+len(tt.subject.Images)])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			for i, doc := range res.SBOMs {
				if doc.Image.Ref != tt.subject.Images[i].Ref {
					t.Errorf("SBOM %d is of %s", i, doc.Image.Ref)
				}
			}
			if res.Subject != tt.subject || res.Identity != identity {
				t.Errorf("Result = %+v", res)
			}
		})
	}
}

// TestRunStops: after each kind of failure nothing more happens, and the Result has what
// is public by then.
func TestRunStops(t *testing.T) {
	t.Parallel()
	two := func() *attest.Subject { return index(image("a", "amd64"), image("b", "arm64")) }
	for name, tt := range map[string]struct {
		fail                 string
		last                 string // the last call that is made
		bundles, attachments int
		wraps                string
	}{
		"identity":       {"check-identity", "check-identity", 0, 0, "check identity: "},
		"push":           {"check-push", "check-push ghcr.io/acme/app", 0, 0, "check push to ghcr.io/acme/app: "},
		"resolve":        {"resolve", "resolve ghcr.io/acme/app:v1  []", 0, 0, "resolve ghcr.io/acme/app:v1: "},
		"download":       {"download", "download 2 to layout", 0, 0, "download ghcr.io/acme/app@sha256:"},
		"catalog":        {"catalog", "", 0, 0, "catalog linux/"},
		"sign":           {"sign", "sign 5", 2, 0, "sign ghcr.io/acme/app@sha256:"},
		"attach":         {"attach", "attach a: sbom, signature", 5, 1, "attach to ghcr.io/acme/app@sha256:"},
		"attach later":   {"attach-to-b", "attach b: sbom, signature", 5, 4, "attach to ghcr.io/acme/app@sha256:bbb"},
		"read back":      {"read-back", "read-back 5", 5, 5, "read back from ghcr.io/acme/app: "},
		"verify in full": {"verify", "verify bundle 0 about a", 5, 5, "verify ghcr.io/acme/app@sha256:aaa"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(two())
			w.signs = 2
			cause := &problem.Problem{Code: problem.RegistryDenied, What: "No."}
			w.fail[tt.fail] = cause

			res, err := w.run(t, nil)
			if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), tt.wraps) {
				t.Errorf("error %v, want the cause behind %q", err, tt.wraps)
			}
			made := w.made()
			if got := made[len(made)-1]; tt.last != "" && got != tt.last {
				t.Errorf("the last call is %q, want %q", got, tt.last)
			}
			if tt.bundles == 0 && w.did("sign") {
				t.Errorf("something was signed: %q", made)
			}
			if len(res.Bundles) != tt.bundles || len(res.Attachments) != tt.attachments {
				t.Errorf("%d bundles, %d attachments in the Result, want %d, %d", len(res.Bundles), len(res.Attachments), tt.bundles, tt.attachments)
			}
		})
	}
}

func TestRunOtherBytesInRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.served = func(b []byte) []byte { return append(bytes.Clone(b), ' ') }
	res, err := w.run(t, nil)
	if problem.From(err) == nil || problem.From(err).Code != problem.ReadBackMissing {
		t.Errorf("error %v", err)
	}
	if w.did("verify") || len(res.Bundles) != 2 || len(res.Attachments) != 2 {
		t.Errorf("calls %q; %d bundles, %d attachments", w.made(), len(res.Bundles), len(res.Attachments))
	}
}

func TestRunEmptySBOM(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.packages = 0
	_, err := w.run(t, nil)
	p := problem.From(err)
	if p == nil || p.Code != problem.SBOMEmpty || !strings.Contains(p.Fix, "allow-empty-sbom: true") {
		t.Errorf("error %v", err)
	}
	if w.did("sign") || w.did("attach") {
		t.Errorf("calls %q", w.made())
	}

	w = newWorld(single())
	w.packages = 0
	res, err := w.run(t, func(r *attest.Request) { r.AllowEmptySBOM = true })
	if err != nil || len(res.Attachments) != 2 {
		t.Errorf("allowed: error %v, %d attachments", err, len(res.Attachments))
	}
}

func TestRunUnsupported(t *testing.T) {
	t.Parallel()
	artifact := single()
	artifact.ArtifactType, artifact.Images[0].Platform = "application/vnd.cncf.helm.config.v1+json", v1.Platform{}
	windows := index(image("a", "amd64"), image("b", "amd64"))
	windows.Images[1].Platform = v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348"}
	for name, tt := range map[string]struct {
		subject *attest.Subject
		is      string
	}{
		"artifact": {artifact, "not a container image (application/vnd.cncf.helm.config.v1+json)"},
		"windows":  {windows, "a Windows image (windows/amd64:10.0.20348)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(tt.subject)
			_, err := w.run(t, nil)
			p := problem.From(err)
			if p == nil || p.Code != problem.ImageUnsupported || !strings.Contains(p.Why, tt.is) || !strings.Contains(p.Fix, "sbom: false") {
				t.Errorf("error %#v", p)
			}
			if w.did("download") || w.did("sign") {
				t.Errorf("calls %q", w.made())
			}

			w = newWorld(tt.subject)
			res, err := w.run(t, func(r *attest.Request) { r.SBOM = false })
			if err != nil || res.Signature() == nil || w.did("catalog") {
				t.Errorf("without SBOM: error %v, calls %q", err, w.made())
			}
		})
	}
}

// TestDryRunExcuses: what a pull request from a fork lacks is a warning, all else fails.
func TestDryRunExcuses(t *testing.T) {
	t.Parallel()
	no := &problem.Problem{Code: problem.IDTokenPermission, What: "No token.", Why: "It is a fork."}
	dry := func(r *attest.Request) { r.DryRun = true }

	w := newWorld(single())
	w.fail["check-identity"], w.fail["check-push"] = no, no
	res, err := w.run(t, dry)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.SBOMs) != 1 || res.Bundles != nil || res.Attachments != nil || res.Signature() != nil {
		t.Errorf("Result = %+v", res)
	}
	warning := "level=WARN msg=\"a real run would fail here: No token. It is a fork.\"\n"
	if got := strings.Count(w.log.String(), warning); got != 2 {
		t.Errorf("%d warnings, want 2, in the log:\n%s", got, &w.log)
	}

	for _, call := range []string{"resolve", "download", "catalog"} {
		w := newWorld(single())
		w.fail[call] = no
		if _, err := w.run(t, dry); !errors.Is(err, no) {
			t.Errorf("%s fails, and the dry run says %v", call, err)
		}
	}
}

// TestDryRunCancelled: a run that was cancelled in the preflight does not go on.
func TestDryRunCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.fail["check-identity"] = context.Canceled
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &attest.Pipeline{Signer: w, Attacher: w, Progress: w, Log: slog.New(slog.DiscardHandler)}
	tag, err := name.NewTag(repository + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(ctx, attest.Request{Ref: tag, DryRun: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRunLog(t *testing.T) {
	t.Parallel()
	w := newWorld(index(image("a", "amd64")))
	if _, err := w.run(t, nil); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "run.log", w.log.Bytes())
}

func TestResult(t *testing.T) {
	t.Parallel()
	w := newWorld(index(image("a", "amd64"), image("b", "arm64")))
	res, err := w.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Signature(); got == nil || got.Bundle.Statement.About.Ref != w.subject.Ref || !got.Bundle.Statement.IsSignature() {
		t.Errorf("Signature() = %+v, want that of the index", got)
	}
	if got := res.Attestation(); got != nil {
		t.Errorf("Attestation() = %+v, an index of several images has none", got)
	}

	w = newWorld(index(image("a", "amd64")))
	if res, err = w.run(t, nil); err != nil {
		t.Fatal(err)
	}
	if got := res.Attestation(); got == nil || got.Bundle.Statement.About.Ref != w.subject.Ref || got.Bundle.Statement.IsSignature() {
		t.Errorf("Attestation() = %+v, want that of the index", got)
	}
	empty := &attest.Result{}
	if empty.Signature() != nil || empty.Attestation() != nil {
		t.Error("an empty Result has attachments")
	}
}
