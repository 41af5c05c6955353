//go:build hostile

package hostile_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/harness"
	"seal-image/internal/problem"
	"seal-image/internal/sbom"
)

const (
	limit  = 2 * time.Minute // for one image
	memory = 2 << 30         // bytes of a child
)

// TestMain makes this program the children, as main does.
func TestMain(m *testing.M) {
	roles := map[string]func(context.Context, io.Reader, io.Writer) error{"unpack": sbom.Unpack, "catalog": sbom.Child}
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		err := sbom.Confine(limit, os.Stdout)
		if err == nil {
			err = roles[os.Args[1]](context.Background(), os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bound is what an image may take, and how it ends.
type bound struct {
	why      string // of the problem; "": it is cataloged, and its packages are all found
	anything bool   // the packages are those and others, or the parser gives up
	exclude  string // without these files it is cataloged
	files    string // what files the documents list
	seconds  int
	memory   int // MiB
	disk     int // MiB of TMPDIR
}

// Each kind, with bounds of about three times what it takes, and not below a minimum for busy machines.
var kinds = map[string]bound{
	"gzip-bomb":     {why: "it expands to more than 200 times its size", seconds: 20, memory: 300, disk: 150},
	"zstd-bomb":     {why: "it expands to more than 200 times its size", seconds: 20, memory: 300, disk: 150},
	"zstd-window":   {why: "window size exceeded", seconds: 20, memory: 300, disk: 10},
	"layer-bombs":   {why: "the layers expand to more than 200 times their size", seconds: 60, memory: 300, disk: 1500},
	"traversal":     {seconds: 20, memory: 300, disk: 10},
	"link-cycles":   {seconds: 30, memory: 300, disk: 10},
	"many-files":    {seconds: 60, memory: 1500, disk: 400},
	"million-files": {anything: true, seconds: 130, memory: 3000, disk: 1500},
	"too-many":      {why: "entries", seconds: 130, memory: 3000, disk: 2500},
	"deep-folders":  {why: "folders deep", seconds: 20, memory: 300, disk: 10},
	"long-name":     {why: "more than 4096 bytes", seconds: 20, memory: 300, disk: 10},
	"names":         {anything: true, files: sbom.FilesAll, seconds: 20, memory: 300, disk: 10},
	"corrupt":       {anything: true, seconds: 60, memory: 1000, disk: 150},
	"jar-bomb":      {why: "unpack to more than", exclude: "/app/**", seconds: 40, memory: 1000, disk: 7000},
	"many-jars":     {why: "unpack to more than", exclude: "/app/**", seconds: 110, memory: 1000, disk: 100},
	"nested-jars":   {anything: true, seconds: 30, memory: 300, disk: 50},
	"many-layers":   {why: "lists 10000 layers", seconds: 20, memory: 300, disk: 10},
	"no-tar":        {why: "no whole tar archive", seconds: 20, memory: 300, disk: 10},
	"cut-off":       {why: "unexpected EOF", seconds: 20, memory: 300, disk: 10},
	"wrong-diff-id": {why: "and the config says", seconds: 20, memory: 300, disk: 10},
	"few-diff-ids":  {why: "and the config 1", seconds: 20, memory: 300, disk: 10},
	"weird-type":    {why: "of the media type", seconds: 20, memory: 300, disk: 10},
	"big-config":    {why: "The config has", seconds: 20, memory: 300, disk: 10},
}

// faults: F54 F55 F56 F57 F59
func TestHostile(t *testing.T) {
	tools, err := harness.Build(t.Context(), "../..", false)
	if err != nil {
		t.Fatal(err)
	}
	images := t.TempDir()
	var table strings.Builder
	for _, kind := range slices.Sorted(func(yield func(string) bool) {
		for kind := range kinds {
			if !yield(kind) {
				return
			}
		}
	}) {
		t.Run(kind, func(t *testing.T) {
			words, err := exec.CommandContext(t.Context(), tools.Sandbox, "images", "-fixtures", "../../testdata/images", "-out", images, kind).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, words)
			}
			b := kinds[kind]
			layout, options := filepath.Join(images, kind), sbom.Options{Files: cmp.Or(b.files, sbom.FilesNone)}
			took := try(t, layout, options)
			fmt.Fprintf(&table, "%-14s %5.1f of %3d s  %5d of %5d MiB memory  %5d of %5d MiB disk  %s\n", kind,
				took.time.Seconds(), b.seconds, took.memory, b.memory, took.disk, b.disk, took.outcome())
			took.check(t, b)
			if b.exclude != "" {
				options.Exclude, b.why = []string{b.exclude}, ""
				try(t, layout, options).check(t, b)
			}
		})
	}
	t.Log("\n" + table.String())
}

// taken is what the child of an image took, and how it ended.
type taken struct {
	doc    *attest.SBOM
	err    error
	want   []string // packages that the image has
	time   time.Duration
	memory int // MiB
	disk   int // MiB
}

func (k taken) outcome() string {
	if k.err != nil {
		return problem.From(k.err).Why
	}
	return fmt.Sprintf("%d packages", k.doc.Packages)
}

func (k taken) check(t *testing.T, b bound) {
	t.Helper()
	if k.time > time.Duration(b.seconds)*time.Second || k.memory > b.memory || k.disk > b.disk {
		t.Errorf("it took %s, %d MiB of memory and %d MiB of disk", k.time, k.memory, k.disk)
	}
	switch p := problem.From(k.err); {
	case b.anything && (k.err == nil || p.Code == problem.SBOMFailed):
	case b.why == "" && k.err != nil:
		t.Errorf("it was not cataloged: %v", k.err)
	case b.why != "" && (k.err == nil || p.Code != problem.SBOMFailed || !strings.Contains(p.Why+k.err.Error(), b.why)):
		t.Errorf("it ended with %v, want %q", k.err, b.why)
	}
	if k.err != nil {
		return
	}
	for _, d := range k.doc.Documents {
		if !utf8.Valid(d.Bytes) || d.Format != attest.SPDXTagValue && !json.Valid(d.Bytes) {
			t.Errorf("the document %s is not JSON in UTF-8", d.Format)
		}
	}
	found := listed(t, k.doc.Documents[0].Bytes)
	if missing := slices.DeleteFunc(k.want, func(p string) bool { return slices.Contains(found, p) }); len(missing) > 0 {
		t.Errorf("packages are missing: %q", missing)
	}
}

// try catalogs the one image of the layout.
func try(t *testing.T, layout string, options sbom.Options) taken {
	t.Helper()
	var index struct{ Manifests []struct{ Digest string } }
	read(t, filepath.Join(layout, "index.json"), &index)
	var described struct{ Images []struct{ Packages []string } }
	read(t, layout+".json", &described)
	work, err := os.MkdirTemp("", "seal-image-test-") //nolint:usetesting // another user must get to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(work) })
	if err := os.Chmod(work, 0o711); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(work, "layout")
	if err := os.CopyFS(inside, os.DirFS(layout)); err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest("registry.example.com/acme/app@" + index.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	options.Formats = []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON, attest.SyftJSON, attest.SPDXTagValue}
	log := &records{}
	cat := &sbom.Cataloger{
		Program: "/proc/self/exe", Name: "seal-image", TempDir: work, Version: "1.2.3", Created: time.Now(),
		Limits: sbom.Limits{Time: limit, Memory: memory}, Log: slog.New(log),
		Options: options,
	}
	disk := watch(t, work)
	start := time.Now()
	img := attest.Image{Manifest: attest.Manifest{Ref: ref}, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	doc, err := cat.Catalog(t.Context(), inside, img, arrived(t, inside, img))
	return taken{doc, err, described.Images[0].Packages, time.Since(start), int(log.memory >> 10), disk()}
}

// arrived are the layers of an image in the layout.
func arrived(t *testing.T, layout string, img attest.Image) *attest.Arrivals {
	t.Helper()
	var manifest v1.Manifest
	read(t, filepath.Join(layout, "blobs", "sha256", img.Digest().Hex), &manifest)
	arrivals := attest.NewArrivals()
	var layers []v1.Hash
	for _, l := range manifest.Layers {
		layers = append(layers, l.Digest)
		arrivals.Arrive(l.Digest)
	}
	arrivals.Expect(img.Digest(), layers)
	return arrivals
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// listed are the packages of an SPDX document, as the images have them.
func listed(t *testing.T, document []byte) (found []string) {
	t.Helper()
	var doc struct {
		Packages []struct {
			Name, VersionInfo string
			ExternalRefs      []struct{ ReferenceLocator string }
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.Packages {
		for _, ref := range p.ExternalRefs {
			kind, _, ok := strings.Cut(strings.TrimPrefix(ref.ReferenceLocator, "pkg:"), "/")
			if ok {
				found = append(found, kind+" "+p.Name+" "+p.VersionInfo)
			}
		}
	}
	return found
}

// records keeps what the log says of the child's memory.
type records struct {
	slog.Handler
	memory int64 // KiB
}

// Enabled implements [slog.Handler].
func (r *records) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (r *records) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "peak-memory-kib" {
			r.memory = a.Value.Int64()
		}
		return true
	})
	return nil
}

// watch measures the folders of children in work; the func that it returns gives the largest sum
// in MiB.
func watch(t *testing.T, work string) func() int {
	t.Helper()
	done, most := make(chan bool), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				most <- peak
				return
			case <-tick.C:
				peak = max(peak, sizeOf(work))
			}
		}
	}()
	return func() int { close(done); return int(<-most >> 20) }
}

func sizeOf(work string) (bytes int64) {
	folders, _ := filepath.Glob(filepath.Join(work, "catalog-*"))
	for _, folder := range append(folders, filepath.Join(work, "layout", "contents")) {
		_ = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // it was removed meanwhile
			}
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
			return nil
		})
	}
	return bytes
}
