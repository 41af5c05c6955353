package sbom

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds how far back a frame of zstd may reach, and with it the memory of a
// decoder. zstd itself wants a switch beyond it.
// https://www.rfc-editor.org/rfc/rfc8878#name-window-descriptor
const maxWindow = 128 << 20

// expand reads a layer as what it is, by its first bytes: media types are often wrong.
func expand(blob io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(blob, 1<<16)
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// entries looks at the entries of the archive that is written to it and hashes it, side by
// side with who expands and stores it.
type entries struct {
	in    *io.PipeWriter
	sum   hash.Hash // of all, after end
	count int64     // after end
	done  chan error
}

func newEntries(taken *budget) *entries {
	r, w := io.Pipe()
	e := &entries{in: w, sum: sha256.New(), done: make(chan error, 1)}
	go func() {
		err := e.walk(io.TeeReader(r, e.sum), taken)
		_ = r.CloseWithError(err)
		e.done <- err
	}()
	return e
}

// Write implements [io.Writer]. The error is what is wrong with the archive.
func (e *entries) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return e.in.Write(p)
}

// end waits until all is looked at.
func (e *entries) end() error {
	_ = e.in.Close()
	return <-e.done
}

func (e *entries) stop() { _ = e.in.CloseWithError(io.ErrUnexpectedEOF) }

// walk reads an archive to its end, and what follows it.
func (e *entries) walk(r io.Reader, taken *budget) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return fmt.Errorf("it is no whole tar archive: %w", err)
		}
		e.count++
		if err := taken.addEntries(1); err != nil {
			return err
		}
		switch name := path.Clean("/" + header.Name); {
		case len(header.Name) > maxPath, len(header.Linkname) > maxPath:
			return fmt.Errorf("a path in it has more than %d bytes", maxPath)
		case strings.Count(name, "/") > maxDepth:
			return fmt.Errorf("a path in it is more than %d folders deep", maxDepth)
		}
	}
}
