package artifact

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"sync"
	"time"
)

// urlLifetime is how long an artifact can be uploaded.
const urlLifetime = time.Hour

// A blob is a block blob of Azure: blocks are put one by one, and a list of them makes the
// content.
//
// https://learn.microsoft.com/rest/api/storageservices/understanding-block-blobs--append-blobs--and-page-blobs
type blob struct {
	path      string
	signature string
	expires   time.Time

	mu        sync.Mutex
	blocks    map[string][]byte // by id
	content   []byte
	committed bool
}

func newBlob(run Run) *blob {
	return &blob{
		path:      "/actions-results/" + run.ID + "/workflow-job-run-" + run.Job + "/artifacts/" + rand.Text() + ".zip",
		signature: base64.StdEncoding.EncodeToString([]byte(rand.Text() + "+/?")),
		expires:   time.Now().Add(urlLifetime),
		blocks:    map[string][]byte{},
	}
}

// url is path and query of the signed URL. It may write, and its signature needs escapes.
func (b *blob) url() string {
	return b.path + "?" + url.Values{
		"se": {b.expires.UTC().Format(time.RFC3339)}, "sig": {b.signature}, "sp": {"cw"}, "sr": {"b"}, "sv": {"2025-11-05"},
	}.Encode()
}

// signed reports whether a query is that of the URL, whatever was added to it.
func (b *blob) signed(query url.Values) bool {
	return time.Now().Before(b.expires) && subtle.ConstantTimeCompare([]byte(query.Get("sig")), []byte(b.signature)) == 1
}

// putBlock keeps a block until a list names it. All ids are of one length.
func (b *blob) putBlock(id string, content []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := base64.StdEncoding.DecodeString(id); err != nil || id == "" {
		return false
	}
	for other := range b.blocks {
		if len(other) != len(id) {
			return false
		}
	}
	b.blocks[id] = content
	return true
}

// commit makes the content of the blocks, in this order.
func (b *blob) commit(ids []string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var parts [][]byte
	for _, id := range ids {
		part, ok := b.blocks[id]
		if !ok {
			return false
		}
		parts = append(parts, part)
	}
	b.content, b.committed = slices.Concat(parts...), true
	return true
}

func (b *blob) stored() (content []byte, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content, b.committed
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
