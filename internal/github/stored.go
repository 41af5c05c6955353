package github

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/klauspost/compress/snappy"
)

// maxBundle bounds a bundle of GitHub's: a predicate in base64, with its proofs.
const maxBundle = 32 << 20

// knows reports whether GitHub has a bundle about the digest with the signature. It looks at
// the newest hundred.
func (s attestations) knows(ctx context.Context, digest, signature string) (bool, error) {
	if known := s.known[digest]; known != nil {
		return known[signature], nil
	}
	var list struct {
		Attestations []struct {
			Bundle json.RawMessage `json:"bundle"`     // on older servers
			URL    string          `json:"bundle_url"` // signed, with no need of the token
		} `json:"attestations"`
	}
	err := s.api.get(ctx, "/attestations/"+digest+"?per_page=100", &list)
	switch {
	case isNotFound(err): // there is none, or no such API, as the next request finds out
	case errors.Is(err, errAPIAnswer): // a list with bundles in it may be too long to read
	case err != nil:
		return false, err
	}
	known := map[string]bool{}
	for _, a := range list.Attestations {
		bundle := []byte(a.Bundle)
		if a.URL != "" {
			// What cannot be read is stored once more, which does no harm.
			if bundle, err = s.fetch(ctx, a.URL); err != nil {
				continue
			}
		}
		if other, _, err := read(bundle); err == nil {
			known[other] = true
		}
	}
	s.known[digest] = known
	return known[signature], ctx.Err()
}

// fetch reads a bundle from the storage behind the API, which has it compressed. The token is
// not for there.
func (s attestations) fetch(ctx context.Context, url string) ([]byte, error) {
	unreadable := errors.New("the bundle cannot be read") // another error could have the URL in it
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, unreadable
	}
	resp, err := s.api.options.Transport.RoundTrip(req)
	if err != nil {
		return nil, unreadable
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBundle))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, unreadable
	}
	if size, err := snappy.DecodedLen(body); err != nil || size > maxBundle {
		return nil, unreadable
	}
	return snappy.Decode(nil, body)
}
