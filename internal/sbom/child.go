package sbom

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	async "github.com/anchore/go-sync"
	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cataloging/filecataloging"
	syftfile "github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	"github.com/gabriel-vasile/mimetype"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	_ "modernc.org/sqlite" // driver of the rpm database; without it one rpmdb.sqlite fails the whole catalog

	"seal-image/internal/confine"
)

// Confine takes from this process what the child does not need: see [confine.Child]. It keeps
// its working folder, the layout, to read, and its TMPDIR. limit is the time for one image. It
// writes to out what is active, as the first line of the answer.
func Confine(limit time.Duration, out io.Writer) error {
	rules := confine.Rules{
		Read: ".", Write: os.TempDir(),
		FileSize: maxLayer,
		CPU:      uint64(limit.Seconds()) * uint64(runtime.GOMAXPROCS(0)), //nolint:gosec // both are positive
	}
	// The runtime takes more than its limit where it has to: the parent sees that, and this
	// holds where the parent does not look in time.
	if heap := debug.SetMemoryLimit(-1); heap < math.MaxInt64 {
		rules.Memory = 2 * uint64(heap) //nolint:gosec // a limit is positive
	}
	active, err := confine.Child(rules)
	if err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	return writeConfined(out, active)
}

// Child is the other side of [Cataloger]: it reads a request from in and writes the
// documents to out. It needs a TMPDIR that it may write to.
func Child(ctx context.Context, in io.Reader, out io.Writer) error {
	var room atomic.Uint64
	room.Store(roomAtStart)
	go collect(ctx, &room)
	ready := matcher(ctx, func() { room.Store(roomAtWork()) })
	req, lines, err := readRequest(in)
	if err != nil {
		return err
	}
	if req.Options.Files == FilesNone {
		mimetype.SetLimit(programType)
	}
	return answer(ctx, ready, req, lines, out)
}

// programType is in how many bytes it can be seen whether a file is a program, and of which type. The
// library takes more for the types of documents and texts, which nobody asks for where no files are
// listed. That it is not a PDF, which is asked first, is in the first 1024 bytes.
const programType = 1024

// matcher makes what syft knows the texts of licenses by, which takes half a second. It starts
// at once, calls made at its end, and is waited for by the func that is returned.
func matcher(ctx context.Context, made func()) func() (context.Context, error) {
	ready := sync.OnceValues(func() (context.Context, error) {
		defer made()
		return syft.SetContextLicenseScanner(ctx, cataloging.DefaultLicenseConfig())
	})
	go func() { _, _ = ready() }()
	return ready
}

// answer answers a request, with a context for syft that may not be ready yet.
func answer(ctx context.Context, ready func() (context.Context, error), req request, lines *json.Decoder, out io.Writer) error {
	image, done, err := open(ctx, req, lines)
	defer done()
	if err != nil {
		return err
	}
	ctx, err = ready()
	if err != nil {
		return err
	}
	found, err := catalog(ctx, image, req) //nolint:contextcheck // ready has it of ours
	if err != nil {
		return err
	}
	encoded, err := found.documents(req)
	if err != nil {
		return err
	}
	return writeAnswer(out, found.Artifacts.Packages.PackageCount(), encoded)
}

// catalogued is what was found in an image.
type catalogued struct {
	*sbom.SBOM
	locked map[artifact.ID]locked // of a package, what its package manager locked
}

// catalog runs syft on the image, and reads the lockfiles that it does not.
func catalog(ctx context.Context, image source.Source, req request) (*catalogued, error) {
	cfg, err := config(req)
	if err != nil {
		return nil, err
	}
	ctx = async.SetContextExecutor(ctx, cataloging.ExecutorFile, tasks{async.NewExecutor(atOnce), 1})
	found, err := syft.CreateSBOM(ctx, image, cfg)
	if err != nil {
		return nil, fmt.Errorf("catalog packages: %w", err)
	}
	files, err := image.FileResolver(source.SquashedScope)
	if err != nil {
		return nil, err
	}
	locks, err := readLocks(files)
	if err != nil {
		return nil, err
	}
	return &catalogued{SBOM: found, locked: addLocks(found, locks)}, nil
}

// tasks runs the catalogers side by side, and what each does one after the other: what a
// cataloger makes of packages can depend on the order in which it finds them, such as the
// dependencies of Python's. Syft takes the child of an executor for the next group of
// tasks, and for what these do: the first group says what the system is, the second are the
// catalogers.
type tasks struct {
	async.Executor
	below int // generations that work side by side as well
}

// ChildExecutor implements [async.ChildExecutor].
func (t tasks) ChildExecutor() async.Executor {
	if t.below == 0 {
		return async.NewExecutor(0)
	}
	return tasks{async.NewExecutor(atOnce), t.below - 1}
}

// atOnce is how many catalogers are at work. Syft's default is four for each processor, which
// hold more in memory together.
var atOnce = runtime.GOMAXPROCS(0)

// config is syft's default for images, but for the choice of files and catalogers. SPDX
// wants the SHA-1 of a file.
// https://spdx.github.io/spdx-spec/v2.3/file-information/#84-file-checksum-field
func config(req request) (*syft.CreateSBOMConfig, error) {
	files, ok := map[string]syftfile.Selection{
		FilesNone:  syftfile.NoFilesSelection,
		FilesOwned: syftfile.FilesOwnedByPackageSelection,
		FilesAll:   syftfile.AllFilesSelection,
	}[req.Options.Files]
	if !ok {
		return nil, fmt.Errorf("unknown choice of files %q", req.Options.Files)
	}
	return selection(req.Options.Catalogers).WithTool(toolName, req.Version).
		WithRelationshipsConfig(cataloging.DefaultRelationshipsConfig().WithPackageFileOwnership(files != syftfile.NoFilesSelection)).
		WithFilesConfig(filecataloging.DefaultConfig().WithSelection(files).WithHashers(crypto.SHA1, crypto.SHA256)), nil
}

// open reads the image of the request, and from the lines which layers are unpacked. The func that is returned closes it, also after an
// error.
func open(ctx context.Context, req request, lines *json.Decoder) (source.Source, func(), error) {
	gen := file.NewTempDirGenerator(layersFolder)
	done := func() { _ = gen.Cleanup() } // the parent removes TMPDIR anyway
	img, err := find(req)
	if err != nil {
		return nil, done, err
	}
	layers, err := newContents(img)
	if err != nil {
		return nil, done, err
	}
	reference := req.Repository + "@" + req.Digest
	read := image.New(withoutLayers{img}, gen, req.Contents, image.WithManifestDigest(req.Digest), image.WithRepoDigests(reference))
	err = layers.read(ctx, lines, read, req.Contents)
	if r, ok := errors.AsType[refusal](err); ok {
		return nil, done, r // of several layers the first, and without the library's words
	}
	if err != nil {
		return nil, done, fmt.Errorf("read layers: %w", err)
	}
	return shortcuts{stereoscopesource.New(read, stereoscopesource.ImageConfig{
		Reference: reference, Exclude: source.ExcludeConfig{Paths: req.Options.Exclude},
	})}, done, nil
}

// find opens the image in the layout.
func find(req request) (bounded, error) {
	path, err := layout.FromPath(req.Layout)
	if err != nil {
		return bounded{}, fmt.Errorf("open layout: %w", err)
	}
	digest, err := v1.NewHash(req.Digest)
	if err != nil {
		return bounded{}, err
	}
	img, err := path.Image(digest)
	if err != nil {
		return bounded{}, fmt.Errorf("open image: %w", err)
	}
	return within(img)
}
