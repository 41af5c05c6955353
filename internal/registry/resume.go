package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"seal-image/internal/attest"
	httpstack "seal-image/internal/transport"
)

const (
	// maxBreaks is how often a layer may break off, or not be there yet, without a byte more of
	// it. The transport cannot see that: it retries until an answer starts.
	maxBreaks = 5
	// breakPause is the wait after the first break, and the bound of what chance adds; both
	// grow with the number of breaks.
	breakPause = 500 * time.Millisecond
)

// resumed is a layer whose download goes on where it broke off.
type resumed struct {
	v1.Layer
	open func(from int64) (io.ReadCloser, int64, error)
	wait func(d time.Duration) error
	tell func(bytes, layers int64)
	hash v1.Hash
	size int64
}

// Compressed implements [v1.Layer]. The reader checks size and digest at its end.
func (l resumed) Compressed() (io.ReadCloser, error) {
	return &download{layer: l, sum: sha256.New()}, nil
}

// resume makes the layer of img with this descriptor one that goes on. What the library reads
// from elsewhere, or with another algorithm, is left to it.
func (s *session) resume(ctx context.Context, layer v1.Layer, d v1.Descriptor) v1.Layer {
	if len(d.URLs) > 0 || d.Digest.Algorithm != "sha256" {
		return layer
	}
	return resumed{
		Layer: layer, hash: d.Digest, size: d.Size,
		open: func(from int64) (io.ReadCloser, int64, error) { return s.openBlob(ctx, d, from) },
		wait: func(d time.Duration) error { return httpstack.Wait(ctx, d) },
		tell: func(bytes, layers int64) {
			attest.Advance(ctx, attest.Downloaded, bytes, 0)
			attest.Advance(ctx, attest.Layers, layers, 0)
		},
	}
}

// openBlob asks for a blob from a byte on, and returns the byte at which the answer starts. It
// follows the registry to another host, as the transport allows.
// Specification: distribution-spec, "Pulling blobs"; RFC 9110, section 14.
func (s *session) openBlob(ctx context.Context, d v1.Descriptor, from int64) (io.ReadCloser, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url("blobs/"+d.Digest.String()).String(), nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity") // else the range is one of other bytes
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, d.Size-1))
	}
	resp, err := (&http.Client{Transport: s.http.Transport}).Do(req)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case resp.StatusCode == http.StatusPartialContent && resp.Header.Get("Content-Range") == fmt.Sprintf("bytes %d-%d/%d", from, d.Size-1, d.Size):
		return resp.Body, from, nil
	case resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		_ = resp.Body.Close()
		return nil, 0, errRange
	}
	if err := transport.CheckError(resp, http.StatusOK); err != nil {
		_ = resp.Body.Close()
		return nil, 0, err
	}
	return resp.Body, 0, nil
}

// errRange is a registry that does not give the part that was asked for.
var errRange = errors.New("the registry gives another part of the layer than was asked for")

// download reads a layer, and goes on where it broke off.
type download struct {
	layer  resumed
	body   io.ReadCloser // nil: not asked for, or broken off
	sum    hash.Hash
	read   int64
	breaks int  // since the last byte
	whole  bool // parts cannot be had
}

func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.next(p)
		if n > 0 {
			d.breaks = 0
			return n, nil
		}
		switch {
		case err == nil:
			continue
		case d.read == d.layer.size && errors.Is(err, io.EOF):
			return 0, d.check()
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		if err := d.pause(err); err != nil {
			return 0, err
		}
	}
}

// next reads on. It opens the layer if need be.
func (d *download) next(p []byte) (int, error) {
	if d.body == nil {
		if err := d.reopen(); err != nil {
			return 0, err
		}
	}
	n, err := d.body.Read(p)
	_, _ = d.sum.Write(p[:n])
	if d.read += int64(n); d.read > d.layer.size {
		return 0, errTooLong
	}
	d.layer.tell(int64(n), 0)
	return n, err
}

// reopen asks for what is missing. Of an answer that starts anew it skips what was read; that
// it is the same is known at the end, by the digest.
func (d *download) reopen() error {
	from := d.read
	if d.whole {
		from = 0
	}
	body, start, err := d.layer.open(from)
	if err != nil {
		d.whole = d.whole || errors.Is(err, errRange)
		return err
	}
	if _, err := io.CopyN(io.Discard, body, d.read-start); err != nil {
		_ = body.Close()
		return err
	}
	d.body = body
	return nil
}

var errTooLong = fmt.Errorf("%w: the registry sends more than the layer has", errOtherContent)

// pause waits before the layer is asked for again, or says why it is not.
func (d *download) pause(err error) error {
	_ = d.Close()
	if d.breaks++; d.breaks > maxBreaks || !goesOn(err) {
		return &brokenDownload{fmt.Errorf("layer %s, after %s of %s bytes: %w",
			d.layer.hash, strconv.FormatInt(d.read, 10), strconv.FormatInt(d.layer.size, 10), err)}
	}
	most := breakPause * time.Duration(d.breaks)
	return d.layer.wait(most + rand.N(most)) //nolint:gosec // spreads load, protects nothing
}

// goesOn reports whether a layer may be had a moment later: it broke off, or is not there yet.
func goesOn(err error) bool { return brokenOff(err) || notFound(err) || errors.Is(err, errRange) }

// A brokenDownload is a layer that was asked for often enough.
type brokenDownload struct{ error }

func (b *brokenDownload) Unwrap() error { return b.error }

// check compares the layer with its digest, at its end.
func (d *download) check() error {
	if got := hex.EncodeToString(d.sum.Sum(nil)); got != d.layer.hash.Hex {
		return fmt.Errorf("%w: the registry serves sha256:%s for %s", errOtherContent, got, d.layer.hash)
	}
	d.layer.tell(0, 1)
	return io.EOF
}

func (d *download) Close() error {
	if d.body == nil {
		return nil
	}
	body := d.body
	d.body = nil
	return body.Close()
}
