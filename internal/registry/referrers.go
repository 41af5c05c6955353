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

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	httpstack "seal-image/internal/transport"
)

// hasReferrersAPI asks the registry, once a run. Some registries set the header
// OCI-Subject without serving the API, so only an answer of the API itself counts.
func (s *session) hasReferrersAPI(ctx context.Context, m attest.Manifest) (bool, error) {
	if known := s.knownAPI(); known != nil {
		return *known, nil
	}
	_, api, err := s.askReferrersAPI(ctx, m)
	return api, err
}

func (s *session) knownAPI() *bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.referrers
}

// askReferrersAPI lists the referrers of m; api is false where there is no such API, which
// the first question of a run decides.
func (s *session) askReferrersAPI(ctx context.Context, m attest.Manifest) (list []v1.Descriptor, api bool, err error) {
	known := s.knownAPI()
	if known != nil && !*known {
		return nil, false, nil
	}
	list, err = s.referrersPages(ctx, m)
	switch {
	case known == nil && noSuchAPI(err):
		api = false
	case known != nil && notFound(err):
		api = true // and an empty list, by some registries
	case err != nil:
		return nil, false, err
	default:
		api = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.referrers = &api
	return list, api, nil
}

// maxPages bounds the pages of a list of referrers.
const maxPages = 100

// referrersPages reads the list of the referrers of m, page by page.
// Specification: distribution-spec, "Listing Referrers".
func (s *session) referrersPages(ctx context.Context, m attest.Manifest) (list []v1.Descriptor, err error) {
	next := s.url("referrers/" + m.Ref.DigestStr())
	for range maxPages {
		got, err := s.referrersPage(ctx, next)
		if err != nil {
			return nil, err
		}
		var index struct {
			Manifests []json.RawMessage `json:"manifests"`
		}
		if err := json.Unmarshal(got.body, &index); err != nil {
			return nil, fmt.Errorf("read referrers of %s: %w", m.Ref, err)
		}
		for _, entry := range index.Manifests {
			var d v1.Descriptor
			if json.Unmarshal(entry, &d) == nil { // else with a digest of another kind, not ours
				list = append(list, d)
			}
		}
		if next = nextPage(got); next == nil {
			return list, nil
		}
	}
	return nil, fmt.Errorf("read referrers of %s: the list has more than %d pages", m.Ref, maxPages)
}

var nextLink = regexp.MustCompile(`<([^>]*)>\s*;\s*rel="?next"?`)

// nextPage is where the list goes on; nil at its end. It is in the same registry, whatever
// name a proxy before it has told it.
// Source: RFC 8288.
func nextPage(got *answer) *url.URL {
	link := nextLink.FindStringSubmatch(got.header.Get("Link"))
	if link == nil {
		return nil
	}
	next, err := got.url.Parse(link[1])
	if err != nil {
		return nil
	}
	next.Scheme, next.Host, next.User = got.url.Scheme, got.url.Host, nil
	return next
}

func (s *session) referrersPage(ctx context.Context, page *url.URL) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", string(types.OCIImageIndex))
	// GHCR has sent this question to another path, which then answered 429.
	got, err := s.ask(withoutRedirects(s.http), req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	if mediaType(got.header) != types.OCIImageIndex {
		return nil, errNoList
	}
	return got, nil
}

// errNoList says that something else than the referrers API has answered.
var errNoList = errors.New("the answer is no list of referrers")

func withoutRedirects(c *http.Client) *http.Client {
	return &http.Client{
		Transport:     c.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// noSuchAPI recognises how registries without the API answer: 404 by the specification,
// and in the wild a redirect, 400, 403, 405, 406, 429, 501 or a page for people.
func noSuchAPI(err error) bool {
	if errors.Is(err, errNoList) {
		return true
	}
	if serr, ok := errors.AsType[*httpstack.StatusError](err); ok {
		return serr.Status == http.StatusNotImplemented || serr.Status == http.StatusTooManyRequests
	}
	terr, ok := errors.AsType[*transport.Error](err)
	return ok && terr.StatusCode != http.StatusUnauthorized
}

// list returns the referrers of m as a verifier finds them.
func (s *session) list(ctx context.Context, m attest.Manifest) ([]v1.Descriptor, error) {
	list, api, err := s.askReferrersAPI(ctx, m)
	if err != nil {
		return nil, err
	}
	if !api {
		fallback, err := s.readFallback(ctx, m)
		if err != nil {
			return nil, err
		}
		list = fallback.descriptors
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[m.Ref] = slices.Clone(list) // callers may filter theirs
	return list, nil
}

// listed is list for those whom an answer from earlier in the run will do.
func (s *session) listed(ctx context.Context, m attest.Manifest) ([]v1.Descriptor, error) {
	s.mu.Lock()
	list, ok := s.lists[m.Ref]
	s.mu.Unlock()
	if ok {
		return list, nil
	}
	return s.list(ctx, m)
}

func contains(list []v1.Descriptor, digest v1.Hash) bool {
	return slices.ContainsFunc(list, func(d v1.Descriptor) bool { return d.Digest == digest })
}
