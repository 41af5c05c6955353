package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

// hasReferrersAPI asks the registry, once a run. Some registries set the header
// OCI-Subject without serving the API, so only an answer of the API itself counts.
func (s *session) hasReferrersAPI(ctx context.Context, m attest.Manifest) (bool, error) {
	s.mu.Lock()
	known := s.referrers
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	_, api, err := s.askReferrersAPI(ctx, m)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.referrers = &api
	return api, nil
}

// maxPages bounds the pages of a list of referrers.
const maxPages = 100

// askReferrersAPI lists the referrers of m, page by page; ok is false where there is no
// such API. Specification: distribution-spec, "Listing Referrers".
func (s *session) askReferrersAPI(ctx context.Context, m attest.Manifest) (list []v1.Descriptor, ok bool, err error) {
	next := s.url("referrers/" + m.Ref.DigestStr())
	for range maxPages {
		got, ok, err := s.referrersPage(ctx, next)
		if err != nil || !ok {
			return nil, ok, err
		}
		var index v1.IndexManifest
		if err := json.Unmarshal(got.body, &index); err != nil {
			return nil, false, fmt.Errorf("read referrers of %s: %w", m.Ref, err)
		}
		list = append(list, index.Manifests...)
		if next = nextPage(got); next == nil {
			return list, true, nil
		}
	}
	return nil, false, fmt.Errorf("read referrers of %s: the list has more than %d pages", m.Ref, maxPages)
}

var nextLink = regexp.MustCompile(`<([^>]*)>\s*;\s*rel="?next"?`)

// nextPage is where the list goes on, in the same registry; nil at its end.
// Source: RFC 8288.
func nextPage(got *answer) *url.URL {
	link := nextLink.FindStringSubmatch(got.header.Get("Link"))
	if link == nil {
		return nil
	}
	next, err := got.url.Parse(link[1])
	if err != nil || next.Host != got.url.Host {
		return nil
	}
	return next
}

func (s *session) referrersPage(ctx context.Context, page *url.URL) (got *answer, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("Accept", string(types.OCIImageIndex))
	got, err = s.do(req, http.StatusOK)
	if noSuchAPI(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return got, mediaType(got.header) == types.OCIImageIndex, nil
}

// noSuchAPI recognises how registries without the API answer: 404 by the specification,
// and in the wild a redirect, 400, 403, 405, 406 or 501.
func noSuchAPI(err error) bool {
	if serr, ok := errors.AsType[*httpstack.StatusError](err); ok {
		return serr.Status == http.StatusNotImplemented
	}
	terr, ok := errors.AsType[*transport.Error](err)
	return ok && terr.StatusCode != http.StatusUnauthorized
}

// list returns the referrers of m as a verifier finds them.
func (s *session) list(ctx context.Context, m attest.Manifest) ([]v1.Descriptor, error) {
	api, err := s.hasReferrersAPI(ctx, m)
	if err != nil {
		return nil, err
	}
	if api {
		list, _, err := s.askReferrersAPI(ctx, m)
		return list, err
	}
	fallback, err := s.readFallback(ctx, m)
	if err != nil {
		return nil, err
	}
	return fallback.descriptors, nil
}

// readBackWaits is how long a registry may take to show what it has accepted.
var readBackWaits = []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// ReadBack implements [attest.Attacher].
func (c *Client) ReadBack(ctx context.Context, attachments []*attest.Attachment) ([][]byte, error) {
	out := make([][]byte, len(attachments))
	for i, a := range attachments {
		s, err := c.writer(ctx, a.Manifest.Ref.Context())
		if err != nil {
			return nil, err
		}
		if out[i], err = s.readBack(ctx, a); err != nil {
			return nil, c.explainReadBack(err, a)
		}
	}
	return out, nil
}

// readBack finds one attachment, asking again while the registry does not show it yet.
func (s *session) readBack(ctx context.Context, a *attest.Attachment) ([]byte, error) {
	about := a.Bundle.Statement.About
	for _, wait := range readBackWaits {
		if err := httpstack.Wait(ctx, wait); err != nil {
			return nil, err
		}
		list, err := s.list(ctx, about)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(d v1.Descriptor) bool { return d.Digest == a.Manifest.Digest() }) {
			continue
		}
		bundle, err := s.bundle(ctx, a.Manifest)
		if terr, ok := errors.AsType[*transport.Error](err); ok && terr.StatusCode == http.StatusNotFound {
			continue // listed, and not served everywhere yet
		}
		return bundle, err
	}
	return nil, &problem.Problem{
		Code: problem.ReadBackMissing,
		What: fmt.Sprintf("%s does not show what it has stored.", s.repo.RegistryStr()),
		Why:  fmt.Sprintf("The manifest %s was accepted, but is not in the list of referrers of %s.", a.Manifest.Ref.DigestStr(), about.Ref),
		Fix:  "Run the job again. If that does not help, another job that signs the same image may overwrite the list: give both the same `concurrency:` group.",
	}
}

// bundle reads the one layer of a stored referrer.
func (s *session) bundle(ctx context.Context, m attest.Manifest) ([]byte, error) {
	raw, _, err := s.get(ctx, "manifests", m.Ref.DigestStr(), types.OCIManifestSchema1)
	if err != nil {
		return nil, err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, fmt.Errorf("read %s: %w", m.Ref, err)
	}
	if len(manifest.Layers) != 1 {
		return nil, fmt.Errorf("read %s: it has %d layers instead of one bundle", m.Ref, len(manifest.Layers))
	}
	blob, _, err := s.get(ctx, "blobs", manifest.Layers[0].Digest.String(), "")
	return blob, err
}
