package sbom

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// request is what the parent asks, as JSON on the child's standard input.
type request struct {
	origin
	Layout     string  `json:"layout"`     // folder of the OCI image layout
	Digest     string  `json:"digest"`     // manifest in it, "sha256:..."
	Repository string  `json:"repository"` // for the name of the document
	Platform   string  `json:"platform"`   // e.g. "linux/amd64"
	Options    Options `json:"options"`

	// Contents is the folder for the contents of layers, named as stereoscope does. Those that
	// another child unpacks are there when they are told of, below the request.
	Contents string `json:"contents"`
}

// maxRequest bounds the request, and the lines below it.
const maxRequest = 1 << 20

// readRequest reads the request. The lines below it, as JSON, are still to be read.
func readRequest(in io.Reader) (req request, lines *json.Decoder, err error) {
	lines = json.NewDecoder(io.LimitReader(in, maxRequest))
	if err := lines.Decode(&req); err != nil {
		return req, nil, fmt.Errorf("read request: %w", err)
	}
	return req, lines, nil
}

// parts are what makes the documents of this request different from those of another, but
// for the repository and the time.
func (r request) parts() []string {
	return []string{
		r.Digest, r.Platform, "files=" + r.Options.Files,
		"catalogers=" + strings.Join(r.Options.Catalogers, ","),
		"exclude=" + strings.Join(r.Options.Exclude, ","),
	}
}

// maxConfined bounds the first line of the answer, which says what confines the child.
const maxConfined = 200

// writeConfined writes the first line, before anything hostile is read: a child that then
// crashes has said it.
func writeConfined(w io.Writer, active string) error {
	_, err := fmt.Fprintln(w, active)
	return err
}

// readConfined reads the first line.
func readConfined(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("read what confines the child: %w", err)
	}
	if len(line) > maxConfined {
		return "", errors.New("read what confines the child: too long")
	}
	return strings.TrimSpace(string(line)), nil
}

// unpackedLayer is a line, as JSON, of the child that unpacks: a layer that it has expanded. The
// child that catalogs reads such lines below its request.
type unpackedLayer struct {
	Layer   v1.Hash `json:"layer"`
	Content v1.Hash `json:"content"` // which the config of the image calls its diff id
	Packed  int64   `json:"packed"`  // bytes of the layer
	Bytes   int64   `json:"bytes"`   // of the content
	Entries int64   `json:"entries"` // of the archive that it is
}

// readUnpacked reads such lines to the end of the answer.
func readUnpacked(in *bufio.Reader, next func(unpackedLayer) error) error {
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		var l unpackedLayer
		if err == nil {
			err = json.Unmarshal(line, &l)
		}
		if err != nil {
			return fmt.Errorf("read what is unpacked: %w", err)
		}
		if err := next(l); err != nil {
			return err
		}
	}
}

// header is the second line of the answer, as JSON; the documents' bytes follow it, one
// after the other.
type header struct {
	Packages int   `json:"packages"`
	Sizes    []int `json:"sizes"` // of the documents, in bytes, in the order of the request
}

// maxAnswer bounds what is read of the child. No log takes a statement near it.
const maxAnswer = 256 << 20

func writeAnswer(w io.Writer, packages int, documents [][]byte) error {
	h := header{Packages: packages}
	for _, d := range documents {
		h.Sizes = append(h.Sizes, len(d))
	}
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	for _, part := range append([][]byte{line, []byte("\n")}, documents...) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// newAnswer makes the reader of an answer. Its buffer bounds a line.
func newAnswer(r io.Reader) *bufio.Reader {
	return bufio.NewReader(io.LimitReader(r, maxAnswer+1<<10))
}

// readAnswer reads what follows the first line, with n documents, to the end. It believes
// nothing of what it reads.
func readAnswer(in *bufio.Reader, n int) (packages int, documents [][]byte, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("read header: %w", err)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return 0, nil, fmt.Errorf("read header: %w", err)
	}
	if err := h.check(n); err != nil {
		return 0, nil, err
	}
	for _, size := range h.Sizes {
		document := make([]byte, size)
		if _, err := io.ReadFull(in, document); err != nil {
			return 0, nil, fmt.Errorf("read document: %w", err)
		}
		documents = append(documents, document)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return 0, nil, errors.New("the documents have an end, but the answer goes on")
	}
	return h.Packages, documents, nil
}

func (h header) check(n int) error {
	if h.Packages < 0 || len(h.Sizes) != n {
		return fmt.Errorf("the answer has %d packages and %d documents; %d documents were asked for", h.Packages, len(h.Sizes), n)
	}
	left := maxAnswer
	for _, size := range h.Sizes {
		if size < 0 || size > left {
			return fmt.Errorf("a document has %d bytes; %d MiB are allowed for all", size, maxAnswer>>20)
		}
		left -= size
	}
	return nil
}
