package github

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

const (
	blockBytes = 8 << 20
	// storageVersion of Azure's API has blocks of any size that we send.
	storageVersion = "2021-12-02"
)

// storage takes the content of one artifact, a block blob of Azure.
// Source: https://learn.microsoft.com/rest/api/storageservices/put-block
type storage struct {
	url       *url.URL // signed: its query is a credential
	transport http.RoundTripper
}

// A storageError is one of the storage, not of the artifact service.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

// storage masks the signature, as it stands in the URL and as it is meant.
func (a *Artifacts) storage(signed secret.String) *storage {
	u, err := url.Parse(signed.Reveal())
	if err != nil {
		u = &url.URL{} // err has the URL in it
	}
	a.options.Mask(secret.New(u.Query().Get("sig")))
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if raw, ok := strings.CutPrefix(pair, "sig="); ok {
			a.options.Mask(secret.New(raw))
		}
	}
	return &storage{url: u, transport: a.options.Transport}
}

// put sends the content in blocks, one after the other, and then the list of them. One request
// could do for little content (Put Blob), but act answers that and stores nothing.
func (s *storage) put(ctx context.Context, content []byte) error {
	if s.url.Host == "" {
		return errAnswer
	}
	var list blockList
	for block := range slices.Chunk(content, blockBytes) {
		id := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "block-%06d", len(list.Latest)))
		list.Latest = append(list.Latest, id)
		if err := s.send(ctx, "comp=block&blockid="+url.QueryEscape(id), block); err != nil {
			return storageError{err}
		}
	}
	body, err := xml.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode the list of blocks: %w", err)
	}
	if err := s.send(ctx, "comp=blocklist", append([]byte(xml.Header), body...)); err != nil {
		return storageError{err}
	}
	return nil
}

// blockList is the body of Put Block List.
type blockList struct {
	XMLName xml.Name `xml:"BlockList"`
	Latest  []string `xml:"Latest"`
}

func (s *storage) send(ctx context.Context, query string, body []byte) error {
	u := *s.url
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+query, "&")
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the signed URL makes no request") // err has the URL in it
	}
	req.Header.Set("X-Ms-Version", storageVersion)
	req.Header.Set("X-Ms-Blob-Content-Type", "application/zip")
	// Without [http.Client], no error has the URL with its query in it.
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body.Close()
	}
	code := resp.Header.Get("X-Ms-Error-Code")
	failed := transport.NewStatusError(resp)
	failed.Message = code // the text has details of the signature
	return failed
}
