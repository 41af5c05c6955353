package sbom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/sbom"
	"seal-image/internal/suite"
)

// TestMain makes this program its own child, as main does: what [sbom.Cataloger] starts is
// /proc/self/exe. The repository of the request says how the child behaves.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "unpack":
		os.Exit(unpacks())
	case len(os.Args) > 1 && os.Args[1] == "catalog":
		os.Exit(child())
	}
	os.Exit(m.Run())
}

func unpacks() int {
	err := confined()
	if err == nil {
		err = sbom.Unpack(context.Background(), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child() int {
	switch os.Args[0] {
	case unconfined: // for what the parent does with a child that is not confined
		fmt.Println(unconfined)
	case left:
	case withoutLandlock:
		fmt.Fprintln(os.Stderr, suite.Without(suite.Landlock, whole, "catalog"))
		return 1
	case withoutBoth:
		fmt.Fprintln(os.Stderr, suite.Without(suite.Both, whole, "catalog"))
		return 1
	default:
		if err := confined(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	var in bytes.Buffer
	if _, err := in.ReadFrom(os.Stdin); err != nil {
		return 3
	}
	var req struct{ Layout, Repository string }
	if err := json.NewDecoder(bytes.NewReader(in.Bytes())).Decode(&req); err != nil {
		return 3
	}
	if behave, ok := children[strings.TrimPrefix(req.Repository, "registry.example.com/")]; ok {
		return behave(req.Layout)
	}
	if err := sbom.Child(context.Background(), &in, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// left is the name of a process that a child leaves behind.
const left = "left behind"

// answer prints an answer as the protocol has it.
func answer(document string) {
	fmt.Printf("{\"packages\":3,\"sizes\":[%d]}\n%s", len(document), document)
}

func forever() int {
	for {
		if _, err := os.Stdout.WriteString(strings.Repeat("x", 1<<16)); err != nil {
			return 1
		}
	}
}

// hang waits in the kernel: the runtime ends a program whose goroutines all sleep.
func hang() int {
	for {
		_ = syscall.Pause()
	}
}

// children are ways to behave; exits and words are what the parent sees.
var children = map[string]func(layout string) int{
	"look":     look,
	"attack":   attack,
	"live":     live,
	"raid":     raid,
	"greedy":   greedy,
	"unpack":   unpack,
	"descend":  descend,
	"document": func(string) int { answer(`{"ok":true}`); return 0 },
	"words": func(string) int {
		fmt.Fprint(os.Stderr, "reading\nthe layer is damaged\n")
		return 1
	},
	"answer-and-fail": func(string) int { answer(`{"ok":true}`); fmt.Fprintln(os.Stderr, "half of it"); return 1 },
	"killed":          func(string) int { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); return hang() },
	"panic":           func(string) int { panic("index out of range") },
	"out-of-memory": func(string) int {
		fmt.Fprint(os.Stderr, "runtime: out of memory: cannot allocate 4194304-byte block\nfatal error: runtime: out of memory\n\ngoroutine 1:\nmain.main()\n")
		return 2
	},
	"disk-full": func(string) int { fmt.Fprintln(os.Stderr, "write /tmp/x: no space left on device"); return 1 },
	"refused": func(string) int {
		fmt.Fprintln(os.Stderr, "image refused: The layer sha256:ab cannot be read: it is too large.")
		return 1
	},
	"hang":            func(string) int { return hang() },
	"answer-and-hang": func(string) int { answer(`{"ok":true}`); return hang() },
	"nothing":         func(string) int { return 0 },
	"garbage":         func(string) int { fmt.Println("Segmentation fault"); return 0 },
	"endless":         func(string) int { return forever() },
	"endless-after":   func(string) int { answer(`{"ok":true}`); return forever() },
	"more":            func(string) int { answer(`{"ok":true}`); fmt.Print("{}"); return 0 },
	"size-negative":   func(string) int { fmt.Print("{\"packages\":1,\"sizes\":[-1]}\n{}"); return 0 },
	"size-huge":       func(string) int { fmt.Print("{\"packages\":1,\"sizes\":[1099511627776]}\n{}"); return 0 },
	"size-longer":     func(string) int { fmt.Print("{\"packages\":1,\"sizes\":[100]}\n{}"); return 0 },
	"packages":        func(string) int { fmt.Print("{\"packages\":-1,\"sizes\":[2]}\n{}"); return 0 },
	"not-json":        func(string) int { answer("<xml/>"); return 0 },
	"too-many":        func(string) int { fmt.Print("{\"packages\":1,\"sizes\":[2,2]}\n{}{}"); return 0 },
	"too-few":         func(string) int { fmt.Print("{\"packages\":1,\"sizes\":[]}\n"); return 0 },
	"orphan":          func(layout string) int { return orphan(layout, &syscall.SysProcAttr{}) },
	"escaped":         func(layout string) int { return orphan(layout, &syscall.SysProcAttr{Setsid: true}) },
	"hold":            hold,
}

// hold waits until somebody opens the other end of the FIFO in the layout.
func hold(layout string) int {
	_, err := os.Open(filepath.Join(layout, "release"))
	if err != nil {
		return 5
	}
	return 0
}

// greedy takes more and more memory, slowly enough that the parent sees it before the limit of the
// kernel, at which the race detector ends the process with words of its own.
func greedy(string) int {
	var all [][]byte
	for {
		all = append(all, bytes.Repeat([]byte("x"), 1<<20))
		time.Sleep(time.Millisecond)
		if len(all) > 1<<14 {
			return len(all[0])
		}
	}
}

// unpack writes a file, and removes it, again and again.
func unpack(string) int {
	content := make([]byte, 1<<20)
	for {
		at := filepath.Join(os.TempDir(), "contents", "inner.jar")
		if os.MkdirAll(filepath.Dir(at), 0o700) != nil || os.WriteFile(at, content, 0o600) != nil {
			return 6
		}
		time.Sleep(100 * time.Millisecond)
		if os.Remove(at) != nil {
			return 7
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// descend makes folders in folders, deeper than a path can say.
func descend(string) int {
	if err := os.Chdir(os.TempDir()); err != nil {
		return 6
	}
	for name := strings.Repeat("d", 255); ; {
		if os.Mkdir(name, 0o700) != nil || os.Chdir(name) != nil {
			return 6
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// orphan leaves a process behind that keeps standard output open.
func orphan(layout string, attr *syscall.SysProcAttr) int {
	in, request, err := os.Pipe()
	if err != nil {
		return 4
	}
	if _, err := fmt.Fprintf(request, `{"repository":"registry.example.com/hold","layout":%q}`, layout); err != nil {
		return 4
	}
	request.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{left, "catalog"}
	cmd.Stdin, cmd.Stdout, cmd.SysProcAttr = in, os.Stdout, attr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	return 0
}

// sight is what the child finds around it.
type sight struct {
	Args      []string
	Env       []string
	UID, GID  int
	Groups    []int
	WorkDir   string
	TempMode  string
	TempOwner uint32
	TempWrite bool
	Layout    string // what it reads there
	Writes    []string
}

func look(layout string) int {
	s := sight{Args: os.Args, Env: os.Environ(), UID: os.Getuid(), GID: os.Getgid()}
	s.WorkDir, _ = os.Getwd()
	s.Groups, _ = os.Getgroups()
	if info, err := os.Stat(os.TempDir()); err == nil {
		s.TempMode, s.TempOwner = info.Mode().Perm().String(), info.Sys().(*syscall.Stat_t).Uid
	}
	s.TempWrite = os.WriteFile(filepath.Join(os.TempDir(), "file"), nil, 0o600) == nil
	content, err := os.ReadFile(filepath.Join(layout, "blobs", "file"))
	s.Layout = fmt.Sprint(string(content), err)
	for _, path := range []string{layout + "/new", layout + "/blobs/new", layout + "/blobs/file"} {
		if os.WriteFile(path, []byte("!"), 0o600) == nil {
			s.Writes = append(s.Writes, path)
		}
	}
	document, _ := json.Marshal(s)
	answer(string(document))
	return 0
}

// workDir is a folder that another user can pass through, as the work folder of a run;
// those of t.TempDir are closed to others.
func workDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "seal-image-test-") //nolint:usetesting // others must get to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// smallLayout is a folder as a layout is one: files in folders, closed to others.
func smallLayout(t *testing.T, work string) string {
	t.Helper()
	dir := filepath.Join(work, "layout")
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blobs", "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "release"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// release lets a process go that holds on to the layout.
func release(t *testing.T, layout string) {
	t.Helper()
	fd, err := syscall.Open(filepath.Join(layout, "release"), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) {
		return // nobody does
	}
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(fd)
}

var created = time.Date(2026, 9, 1, 12, 30, 0, 0, time.UTC)

func cataloger(work string) *sbom.Cataloger {
	return &sbom.Cataloger{
		Program: "/proc/self/exe", Name: "seal-image", TempDir: work,
		Version: "1.2.3", Author: "Organization: acme", Created: created, Limits: sbom.Limits{Time: time.Hour},
		Log:     slog.New(slog.DiscardHandler),
		Options: sbom.Options{Formats: []attest.Format{attest.SPDXJSON}, Files: sbom.FilesNone},
	}
}

// catalogs is Catalog after the download.
func catalogs(ctx context.Context, cat *sbom.Cataloger, dir string, img attest.Image) (*attest.SBOM, error) {
	arrivals := attest.NewArrivals()
	var layers []v1.Hash
	if path, err := layout.FromPath(dir); err == nil {
		found, err := path.Image(img.Digest())
		if err != nil {
			return nil, err
		}
		manifest, err := found.Manifest()
		if err != nil {
			return nil, err
		}
		for _, l := range manifest.Layers {
			layers = append(layers, l.Digest)
			arrivals.Arrive(l.Digest)
		}
	}
	arrivals.Expect(img.Digest(), layers)
	return cat.Catalog(ctx, dir, img, arrivals)
}

func imageOf(t *testing.T, repository string, digest v1.Hash) attest.Image {
	t.Helper()
	repo, err := name.NewRepository("registry.example.com/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	return attest.Image{
		Manifest: attest.Manifest{Ref: repo.Digest(digest.String())},
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
	}
}

var someDigest = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}

// only is the SBOM's one document.
func only(t *testing.T, doc *attest.SBOM) []byte {
	t.Helper()
	if len(doc.Documents) != 1 {
		t.Fatalf("%d documents, want one", len(doc.Documents))
	}
	return doc.Documents[0].Bytes
}

// The child gets to know nothing and can change nothing but its TMPDIR. Not parallel: the
// environment is the process's.
func TestChildHoldsNothing(t *testing.T) {
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret")
	t.Setenv("INPUT_REGISTRY-PASSWORD", "secret")
	if os.Geteuid() == 0 {
		setGroups(t, 4, 20)
	}
	work := workDir(t)
	layout := smallLayout(t, work)
	got, err := catalogs(t.Context(), cataloger(work), layout, imageOf(t, "look", someDigest))
	if err != nil {
		t.Fatal(err)
	}
	var s sight
	if err := json.Unmarshal(only(t, got), &s); err != nil {
		t.Fatal(err)
	}

	var names []string
	tmp := ""
	for _, e := range s.Env {
		key, value, _ := strings.Cut(e, "=")
		names = append(names, key)
		if key == "TMPDIR" {
			tmp = value
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"GOMAXPROCS", "GOMEMLIMIT", "TMPDIR"}, names); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	want := sight{
		Args: []string{"seal-image", "catalog"}, Env: s.Env, UID: os.Getuid(), GID: os.Getgid(), Groups: s.Groups,
		WorkDir: layout, TempMode: "-rwx------", TempOwner: uint32(os.Getuid()), TempWrite: true, Layout: "content<nil>",
	}
	if os.Geteuid() == 0 {
		want.UID, want.GID, want.TempOwner, want.Groups = 65532, 65532, 65532, nil
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("what the child sees (-want +got):\n%s", diff)
	}
	if filepath.Dir(tmp) != work {
		t.Errorf("TMPDIR is %s, want a folder in %s", tmp, work)
	}
	onlyLayoutLeft(t, work)
}

// setGroups gives this process groups that the child must not get.
func setGroups(t *testing.T, groups ...int) {
	t.Helper()
	before, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgroups(groups); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setgroups(before) })
}

func onlyLayoutLeft(t *testing.T, work string) {
	t.Helper()
	left, err := os.ReadDir(work)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if e.Name() != "layout" {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	img := imageOf(t, "document", someDigest)
	got, err := catalogs(t.Context(), cataloger(work), smallLayout(t, work), img)
	if err != nil {
		t.Fatal(err)
	}
	if string(only(t, got)) != `{"ok":true}` || got.Packages != 3 || got.Image.Ref != img.Ref {
		t.Errorf("got %q, %d packages of %v", got.Documents, got.Packages, got.Image)
	}
}

// faults: F57 F58 F59
func TestCatalogFails(t *testing.T) {
	t.Parallel()
	const short = 200 * time.Millisecond
	for name, c := range map[string]struct {
		golden string
		limit  time.Duration // 0: not reached
		says   string        // in the details
	}{
		"words":           {golden: "failed", says: "the layer is damaged"},
		"answer-and-fail": {golden: "failed", says: "half of it"},
		"panic":           {golden: "failed", says: "exit status 2: panic: index out of range"},
		"out-of-memory":   {golden: "memory", says: "fatal error: runtime: out of memory"},
		"disk-full":       {golden: "disk", says: "no space left"},
		"refused":         {golden: "refused", says: "it is too large"},
		"killed":          {golden: "killed", says: "killed"},
		"hang":            {golden: "too-slow", limit: short},
		"answer-and-hang": {golden: "too-slow", limit: short},
		"orphan":          {golden: "too-slow", limit: short},
		"escaped":         {golden: "too-slow", limit: short},
		"nothing":         {golden: "failed", says: "read header"},
		"garbage":         {golden: "failed", says: "read header"},
		"endless":         {says: "read header"},
		"endless-after":   {says: "goes on"},
		"more":            {golden: "failed", says: "goes on"},
		"size-negative":   {golden: "failed", says: "-1 bytes"},
		"size-huge":       {golden: "failed", says: "256 MiB are allowed"},
		"size-longer":     {golden: "failed", says: "read document"},
		"packages":        {golden: "failed"},
		"not-json":        {golden: "failed", says: "not JSON"},
		"too-many":        {golden: "failed", says: "2 documents; 1 documents were asked for"},
		"too-few":         {golden: "failed", says: "0 documents; 1 documents were asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := workDir(t)
			cat := cataloger(work)
			cat.Name = unconfined
			if c.limit > 0 {
				cat.Limits.Time = c.limit
			}
			layout := smallLayout(t, work)
			defer release(t, layout)
			got, err := catalogs(t.Context(), cat, layout, imageOf(t, name, someDigest))
			if err == nil {
				t.Fatalf("got %s", got.Documents)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the details are %q, want %q in them", err, c.says)
			}
			if p := problem.From(err); p.Code != problem.SBOMFailed {
				t.Errorf("an error without advice: %v", err)
			}
			if c.golden != "" {
				goldenProblem(t, c.golden, err)
			}
			onlyLayoutLeft(t, work)
		})
	}
}

func TestCatalogCancelled(t *testing.T) {
	t.Parallel()
	cause := errors.New("stopped from outside")
	for _, mode := range []string{"hang", "orphan", "escaped", "answer-and-hang"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			work := workDir(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			cancelled := time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
			defer cancelled.Stop()
			layout := smallLayout(t, work)
			defer release(t, layout)
			cat := cataloger(work)
			cat.Name = unconfined
			_, err := catalogs(ctx, cat, layout, imageOf(t, mode, someDigest))
			if !errors.Is(err, cause) || problem.From(err).Code != problem.Unexpected {
				t.Errorf("got %v, want the cause alone", err)
			}
			onlyLayoutLeft(t, work)
		})
	}
}

func TestCatalogNoLayout(t *testing.T) {
	t.Parallel()
	work := workDir(t)
	if _, err := catalogs(t.Context(), cataloger(work), filepath.Join(work, "none"), imageOf(t, "acme/app", someDigest)); err == nil {
		t.Error("no error")
	}
	onlyLayoutLeft(t, work)
}

// goldenProblem compares what the user reads with a file of testdata; UPDATE=1 writes it.
func goldenProblem(t *testing.T, file string, err error) {
	t.Helper()
	p := problem.From(err)
	got := strings.Join([]string{string(p.Code), p.What, p.Why, p.Fix}, "\n") + "\n"
	golden.Compare(t, file+".txt", got)
}
