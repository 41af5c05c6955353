package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	remotetransport "github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/transport"
)

// CheckPush implements [attest.Attacher]: it opens an upload and cancels it.
func (c *Client) CheckPush(ctx context.Context, repo name.Repository) error {
	s, err := c.writer(ctx, repo)
	if err != nil {
		return err
	}
	location, err := s.openUpload(ctx)
	if err != nil {
		return c.explainPush(ctx, s, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, location.String(), nil)
	if err != nil {
		return fmt.Errorf("cancel upload: %w", err)
	}
	// A registry that cannot cancel forgets the upload by itself after a while.
	resp, err := s.http.Do(req)
	if refused, ok := errors.AsType[*transport.RefusedError](err); ok {
		return notFollowed(err, refused, repo)
	}
	if err == nil {
		_ = resp.Body.Close()
	}
	return nil
}

// openUpload starts the upload of a blob and returns where to send it.
// Specification: distribution-spec, "POST then PUT".
func (s *session) openUpload(ctx context.Context) (*url.URL, error) {
	start := s.url("blobs/uploads/")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, start.String(), nil)
	if err != nil {
		return nil, err
	}
	opened, err := s.do(req, http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	// Some registries take uploads on another host. The session gives its credentials to
	// the registry alone, and the transport refuses where nobody may be sent.
	location, err := opened.url.Parse(opened.header.Get("Location"))
	if err != nil {
		return nil, fmt.Errorf("open upload: %w", err)
	}
	return location, nil
}

// putBlob stores a blob, once a run.
func (s *session) putBlob(ctx context.Context, blob []byte) error {
	digest, _, err := v1.SHA256(bytes.NewReader(blob))
	if err != nil {
		return err
	}
	s.mu.Lock()
	known := s.uploaded[digest.String()]
	s.mu.Unlock()
	if known {
		return nil
	}
	for try := 1; ; try++ {
		err := s.upload(ctx, digest, blob)
		if try == uploadTries || !isLostUpload(err) {
			if err == nil {
				s.stored(digest)
			}
			return err
		}
	}
}

// putEach stores blobs side by side, each once.
func (s *session) putEach(ctx context.Context, blobs [][]byte) error {
	var each [][]byte
	for _, blob := range blobs {
		if !slices.ContainsFunc(each, func(b []byte) bool { return bytes.Equal(b, blob) }) {
			each = append(each, blob)
		}
	}
	return atOnce(len(each), func(i int) error { return s.putBlob(ctx, each[i]) })
}

// uploadTries is how often a blob is sent of which the registry has lost its place.
const uploadTries = 3

// isLostUpload reports whether a registry no longer knows an upload, or has a part of it that
// does not go with what is sent: it was cut off, and sent again to the same place.
func isLostUpload(err error) bool {
	terr, ok := errors.AsType[*remotetransport.Error](err)
	if !ok || terr.Request == nil || terr.Request.Method != http.MethodPut {
		return false
	}
	switch terr.StatusCode {
	case http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable:
		return true
	}
	return slices.ContainsFunc(terr.Errors, func(d remotetransport.Diagnostic) bool {
		return d.Code == remotetransport.BlobUploadInvalidErrorCode || d.Code == remotetransport.BlobUploadUnknownErrorCode
	})
}

func (s *session) stored(digest v1.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploaded[digest.String()] = true
}

// upload sends a blob, from its first byte.
func (s *session) upload(ctx context.Context, digest v1.Hash, blob []byte) error {
	location, err := s.openUpload(ctx)
	if err != nil {
		return err
	}
	query := location.Query()
	query.Set("digest", digest.String())
	location.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, location.String(), bytes.NewReader(blob))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	return s.put(req, http.StatusCreated)
}

// put stores something.
func (s *session) put(req *http.Request, accepted ...int) error {
	_, err := s.do(req, accepted...)
	if err == nil {
		attest.Advance(req.Context(), attest.Uploads, 1, 0)
	}
	return err
}

// putManifest stores a manifest under a digest or a tag.
func (s *session) putManifest(ctx context.Context, identifier string, mediaType types.MediaType, manifest []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.url("manifests/"+identifier).String(), bytes.NewReader(manifest))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", string(mediaType))
	// 200 and 202 are not in the specification; registries in the wild answer them.
	return s.put(req, http.StatusCreated, http.StatusOK, http.StatusAccepted)
}

// exists reports whether there is a manifest. Those who clean up delete what has no tag, and
// a fallback index goes on listing it.
func (s *session) exists(ctx context.Context, digest v1.Hash) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url("manifests/"+digest.String()).String(), nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", string(types.OCIManifestSchema1))
	_, err = s.do(req, http.StatusOK)
	if notFound(err) {
		return false, nil
	}
	return err == nil, err
}

// getManifest reads a manifest under a digest or a tag and checks the digest.
func (s *session) getManifest(ctx context.Context, identifier string, accept types.MediaType) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url("manifests/"+identifier).String(), nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", string(accept))
	got, err := s.do(req, http.StatusOK)
	if err != nil {
		return nil, nil, err
	}
	if want, err := v1.NewHash(identifier); err == nil {
		have, _, err := v1.SHA256(bytes.NewReader(got.body))
		if err != nil {
			return nil, nil, err
		}
		if have != want {
			return nil, nil, fmt.Errorf("%w: the registry serves %s for %s", errOtherContent, have, want)
		}
	}
	return got.body, got.header, nil
}
