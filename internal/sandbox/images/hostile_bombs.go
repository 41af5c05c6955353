package images

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// zeros reads as so many bytes of nothing.
type zeros int64

// Read implements [io.Reader].
func (z *zeros) Read(p []byte) (int, error) {
	if *z <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), int(*z))
	clear(p[:n])
	*z -= zeros(n)
	return n, nil
}

// piece is what a bomb is made of, again and again: both formats allow one stream after another.
const piece = 64 << 20

// header is the header of a file of nothing in an archive, and nothing after it.
func header(size int64) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "nothing", Mode: 0o644, Size: size, ModTime: created, Format: tar.FormatGNU})
	return b.Bytes(), err
}

// gzipZeros is an archive of one file with nothing in it.
func gzipZeros(size int64) ([]byte, error) {
	head, err := header(size)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	nothing := zeros(piece)
	if _, err := io.Copy(w, &nothing); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return append(gzipped(head), bytes.Repeat(b.Bytes(), int(size/piece)+1)...), nil
}

func zstdZeros(size int64) ([]byte, error) {
	head, err := header(size)
	if err != nil {
		return nil, err
	}
	one, err := zstandard(bytes.NewReader(head))
	if err != nil {
		return nil, err
	}
	nothing := zeros(piece)
	many, err := zstandard(&nothing)
	if err != nil {
		return nil, err
	}
	return append(one, bytes.Repeat(many, int(size/piece)+1)...), nil
}

// zstdWindow is a frame whose decoder must remember as much as the format's encoder can ask for.
func zstdWindow() ([]byte, error) {
	head, err := header(piece)
	if err != nil {
		return nil, err
	}
	nothing := zeros(piece)
	return zstandard(io.MultiReader(bytes.NewReader(head), &nothing), zstd.WithWindowSize(zstd.MaxWindowSize))
}

func zstandard(r io.Reader, options ...zstd.EOption) ([]byte, error) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(options, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, r); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// gzipped never fails: it writes to memory.
func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

// layerBombs are many layers that are each below the limit of one.
func layerBombs() ([]hostileLayer, error) {
	head, err := header(90 << 20)
	if err != nil {
		return nil, err
	}
	one, err := honest(slices.Concat(head, make([]byte, 90<<20+1<<10)))
	return slices.Repeat([]hostileLayer{one}, 100), err
}

// zipOf is a zip archive of one file.
func zipOf(name string, content io.Reader) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = io.Copy(f, content)
	}
	if err != nil || w.Close() != nil {
		panic("zip in memory")
	}
	return b.Bytes()
}

// zipZeros is a zip archive of one file with nothing in it.
func zipZeros(name string, size uint64) []byte {
	var b, stream bytes.Buffer
	deflate, err := flate.NewWriter(&stream, flate.BestCompression)
	nothing := zeros(piece)
	if err == nil {
		_, err = io.Copy(deflate, &nothing)
	}
	if err != nil || deflate.Flush() != nil {
		panic("deflate in memory")
	}
	one := bytes.Clone(stream.Bytes())
	stream.Reset()
	_ = deflate.Close()
	w := zip.NewWriter(&b)
	content := append(bytes.Repeat(one, int(size/piece)), stream.Bytes()...)
	f, err := w.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Deflate, UncompressedSize64: size, CompressedSize64: uint64(len(content)),
	}) // the checksum is wrong, which a reader finds out at the end
	if err == nil {
		_, err = f.Write(content)
	}
	if err != nil || w.Close() != nil {
		panic("zip in memory")
	}
	return b.Bytes()
}

// jarBomb is a jar with jars in it that are nothing when they are unpacked, but much of it.
func jarBomb(a *archive) {
	inner := zipZeros("inner.jar", 3<<30)
	a.file("app/bomb.jar", inner)
	a.file("app/many.jar", jarOf(20, inner))
}

func manyJars(a *archive) { a.file("app/many.jar", jarOf(100_000, nil)) }

// jarOf is a jar that has a jar so many times.
func jarOf(times int, jar []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range times {
		f, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("lib/%d.jar", i), Method: zip.Store})
		if err != nil {
			panic(err)
		}
		_, _ = f.Write(jar)
	}
	_ = w.Close()
	return b.Bytes()
}

func nestedJars(a *archive) {
	jar := zipOf("META-INF/MANIFEST.MF", bytes.NewReader([]byte("Manifest-Version: 1.0\nImplementation-Title: deep\nImplementation-Version: 1.0\n")))
	for i := range 100 {
		jar = zipOf(fmt.Sprintf("nested-%d.jar", i), bytes.NewReader(jar))
	}
	a.file("app/nested.jar", jar)
}
