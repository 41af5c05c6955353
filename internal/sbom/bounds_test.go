package sbom_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"seal-image/internal/attest"
	"seal-image/internal/sbom"
)

// odd is a layer, and what the image says of it.
type odd struct {
	blob      []byte
	content   []byte // what the blob expands to; nil: something else
	mediaType types.MediaType
}

// oddLayout writes a layout with an image of the layers, of which the config lists so many.
func oddLayout(t *testing.T, dir string, listed, configSize int, layers ...odd) (image v1.Hash, last v1.Hash) {
	t.Helper()
	config := v1.ConfigFile{Architecture: "amd64", OS: "linux", RootFS: v1.RootFS{Type: "layers"}, Author: strings.Repeat("x", configSize)}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: v1.Descriptor{MediaType: types.OCIConfigJSON}}
	path := layoutAt(t, dir)
	write := func(content []byte) v1.Hash {
		digest, _, err := v1.SHA256(bytes.NewReader(content))
		if err == nil {
			err = path.WriteBlob(digest, io.NopCloser(bytes.NewReader(content)))
		}
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	for i, l := range layers {
		last = write(l.blob)
		desc := v1.Descriptor{MediaType: types.OCILayer, Digest: last, Size: int64(len(l.blob))}
		if l.mediaType != "" {
			desc.MediaType = l.mediaType
		}
		manifest.Layers = append(manifest.Layers, desc)
		if i < listed {
			diffID, _, err := v1.SHA256(bytes.NewReader(l.content))
			if err != nil {
				t.Fatal(err)
			}
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
		}
	}
	raw := must(json.Marshal(config))
	manifest.Config.Digest, manifest.Config.Size = write(raw), int64(len(raw))
	raw = must(json.Marshal(manifest))
	image = write(raw)
	err := path.AppendDescriptor(v1.Descriptor{MediaType: manifest.MediaType, Size: int64(len(raw)), Digest: image})
	if err != nil {
		t.Fatal(err)
	}
	return image, last
}

// tarFile is an archive of one empty file, and as many zeros behind it as are asked for.
func tarFile(t *testing.T, name string, zeros int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), make([]byte, zeros)...)
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := must(gzip.NewWriterLevel(&b, gzip.BestSpeed))
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, content []byte, window int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := must(zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window)))
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What an image may not be is refused, in a sentence that names the layer.
//
// faults: F54 F55
func TestChildRefusesImages(t *testing.T) {
	t.Parallel()
	fine := tarFile(t, "file", 0)
	bomb := tarFile(t, "file", 101<<20)
	good := odd{blob: gzipped(t, fine), content: fine}
	for name, c := range map[string]struct {
		layer      odd
		more       int // layers that are fine, before it
		unlisted   int // layers that the config does not list
		configSize int
		want       string // DIGEST is the layer's
	}{
		"gzip bomb":   {layer: odd{blob: gzipped(t, bomb), content: bomb}, want: "The layer DIGEST cannot be read: it expands to more than 200 times its size."},
		"zstd bomb":   {layer: odd{blob: zstandard(t, bomb, 1<<20), content: bomb}, want: "The layer DIGEST cannot be read: it expands to more than 200 times its size."},
		"zstd window": {layer: odd{blob: zstandard(t, bomb[:2<<20], zstd.MaxWindowSize), content: bomb[:2<<20]}, want: "The layer DIGEST cannot be read: window size exceeded."},
		"long name":   {layer: honest(t, tarFile(t, strings.Repeat("n", 4097), 0)), want: "The layer DIGEST cannot be read: a path in it has more than 4096 bytes."},
		"deep":        {layer: honest(t, tarFile(t, strings.Repeat("d/", 513)+"f", 0)), want: "The layer DIGEST cannot be read: a path in it is more than 512 folders deep."},
		"no archive":  {layer: honest(t, bytes.Repeat([]byte("no archive "), 100)), want: "The layer DIGEST cannot be read: it is no whole tar archive: archive/tar: invalid tar header."},
		"cut archive": {layer: honest(t, fine[:100]), want: "The layer DIGEST cannot be read: it is no whole tar archive: unexpected EOF."},
		"no gzip":     {layer: odd{blob: []byte("\x1f\x8b is how gzip begins"), content: fine}, want: "The layer DIGEST cannot be read: gzip: invalid header."},
		"cut off":     {layer: odd{blob: good.blob[:len(good.blob)/2], content: fine}, want: "The layer DIGEST cannot be read: unexpected EOF."},
		"other content": {
			layer: odd{blob: good.blob, content: []byte("other")},
			want:  "The layer DIGEST cannot be read: its content has the digest sha256:",
		},
		"media type": {layer: odd{blob: good.blob, content: fine, mediaType: "application/x-rar"}, want: `The layer DIGEST is of the media type "application/x-rar", which cannot be read.`},
		"unlisted":   {layer: good, more: 1, unlisted: 1, want: "The manifest lists 2 layers, and the config 1."},
		"layers":     {layer: good, more: 1000, want: "The manifest lists 1001 layers; 1000 are read."},
		"config":     {layer: good, configSize: 8 << 20, want: "The config has 8388"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			layers := make([]odd, 0, c.more+1)
			for range c.more {
				layers = append(layers, good)
			}
			layers = append(layers, c.layer)
			image, layer := oddLayout(t, dir, len(layers)-c.unlisted, c.configSize, layers...)
			var out bytes.Buffer
			err := sbom.ChildIn(withScanner(), bytes.NewReader(request(dir, image, attest.SPDXJSON).encode(t)), &out)
			want := "image refused: " + strings.ReplaceAll(c.want, "DIGEST", layer.String())
			if err == nil || !strings.HasPrefix(err.Error(), want) || out.Len() > 0 {
				t.Errorf("the child says %v, want %s", err, want)
			}
		})
	}
}

func honest(t *testing.T, content []byte) odd {
	t.Helper()
	return odd{blob: gzipped(t, content), content: content}
}

// Layers are read as what they are, whatever their media type says, and sparse at no cost.
func TestChildReadsLayers(t *testing.T) {
	t.Parallel()
	content := tarFile(t, "file", 99<<20)
	for name, blob := range map[string][]byte{
		"gzip": gzipped(t, content), "zstd": zstandard(t, content, 8<<20), "plain": content, "empty": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			layer := odd{blob: blob, content: content}
			if blob == nil {
				layer.content = nil
			}
			image, _ := oddLayout(t, dir, 1, 0, layer)
			if packages, _ := request(dir, image, attest.SPDXJSON).catalog(t); packages != 0 {
				t.Errorf("%d packages", packages)
			}
		})
	}
}

// A child that takes too much is ended, and the user reads of what.
//
// faults: F54 F58
func TestCatalogTakesTooMuch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits sbom.Limits
		golden string
	}{
		"greedy":  {sbom.Limits{Time: time.Minute, Memory: 256 << 20}, "memory"},
		"hang":    {sbom.Limits{Time: time.Minute, FreeDisk: 1 << 62}, "disk"},
		"unpack":  {sbom.Limits{Time: time.Minute, Unpacked: 3 << 20}, "unpacked"},
		"descend": {sbom.Limits{Time: time.Minute}, "unpacked-files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := workDir(t)
			cat := cataloger(work)
			cat.Limits = c.limits
			_, err := catalogs(t.Context(), cat, smallLayout(t, work), imageOf(t, name, someDigest))
			if err == nil {
				t.Fatal("no error")
			}
			goldenProblem(t, c.golden, err)
			onlyLayoutLeft(t, work)
		})
	}
}
