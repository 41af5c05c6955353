package sbom

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// request is what the parent asks, as JSON on the child's standard input.
type request struct {
	Layout     string    `json:"layout"`     // folder of the OCI image layout
	Digest     string    `json:"digest"`     // manifest in it, "sha256:..."
	Repository string    `json:"repository"` // for the name of the document
	Platform   string    `json:"platform"`   // e.g. "linux/amd64"
	Created    time.Time `json:"created"`    // creation time of the document
	Tool       string    `json:"tool"`       // version of seal-image
}

// header is the first line of the answer, as JSON; the document's bytes follow it.
type header struct {
	Packages int `json:"packages"`
	Size     int `json:"size"` // of the document, in bytes
}

// maxDocument bounds what is read of the child. No log takes a statement near it.
const maxDocument = 256 << 20

func writeAnswer(w io.Writer, packages int, document []byte) error {
	line, err := json.Marshal(header{Packages: packages, Size: len(document)})
	if err != nil {
		return err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	_, err = w.Write(document)
	return err
}

// readAnswer reads to the end of r, and trusts nothing of what it reads but the JSON's
// syntax. The buffer of its reader bounds the header.
func readAnswer(r io.Reader) (packages int, document []byte, err error) {
	in := bufio.NewReader(io.LimitReader(r, maxDocument+1<<10))
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("read header: %w", err)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return 0, nil, fmt.Errorf("read header: %w", err)
	}
	if h.Size < 0 || h.Size > maxDocument || h.Packages < 0 {
		return 0, nil, fmt.Errorf("the document has %d bytes; %d MiB are allowed", h.Size, maxDocument>>20)
	}
	document = make([]byte, h.Size)
	if _, err := io.ReadFull(in, document); err != nil {
		return 0, nil, fmt.Errorf("read document: %w", err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return 0, nil, errors.New("the document has an end, but the answer goes on")
	}
	if !json.Valid(document) {
		return 0, nil, errors.New("the document is not JSON")
	}
	return h.Packages, document, nil
}
