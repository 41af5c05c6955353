package artifact

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
)

const (
	blockLimit = 100 << 20 // bytes
	listLimit  = 1 << 20   // bytes
)

// A blockList names the blocks that make a blob.
//
// https://learn.microsoft.com/rest/api/storageservices/put-block-list
type blockList struct {
	XMLName xml.Name `xml:"BlockList"`
	Latest  []string `xml:"Latest"`
}

// Storage serves the blobs to who has a signed URL.
func (s *Service) Storage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := s.blobAt(r.URL.Path)
		switch {
		case r.Header.Get("Authorization") != "": // Azure takes one way of authorization, not two
			fail(w, http.StatusBadRequest, "InvalidAuthenticationInfo")
		case b == nil || !b.signed(r.URL.Query()):
			fail(w, http.StatusForbidden, "AuthenticationFailed")
		case r.Method != http.MethodPut:
			fail(w, http.StatusForbidden, "AuthorizationPermissionMismatch")
		case r.ContentLength < 0:
			fail(w, http.StatusLengthRequired, "MissingContentLengthHeader")
		case r.Header.Get("X-Ms-Version") == "":
			fail(w, http.StatusBadRequest, "MissingRequiredHeader")
		default:
			b.serve(w, r)
		}
	})
}

func (s *Service) blobAt(path string) *blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.artifacts {
		if a.blob.path == path {
			return a.blob
		}
	}
	return nil
}

func (b *blob) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, blockLimit))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "RequestBodyTooLarge")
		return
	}
	switch r.URL.Query().Get("comp") {
	case "block":
		if !b.putBlock(r.URL.Query().Get("blockid"), body) {
			fail(w, http.StatusBadRequest, "InvalidBlobOrBlock")
			return
		}
	case "blocklist":
		var list blockList
		if len(body) > listLimit || xml.Unmarshal(body, &list) != nil {
			fail(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		if !b.commit(list.Latest) {
			fail(w, http.StatusBadRequest, "InvalidBlockList")
			return
		}
	default: // Put Blob is left out: act's storage answers it and keeps nothing
		fail(w, http.StatusBadRequest, "UnsupportedQueryParameter")
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// fail answers as Azure does.
func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>It was refused.</Message></Error>", code)
}
