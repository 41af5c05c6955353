package transport

import (
	"bytes"
	"io"
	"net/http"
)

// aheadBytes is how much of an answer has to arrive before it counts as one.
const aheadBytes = 64 << 10

// readAhead reads the start of the body of resp, which can be read as before. If it breaks off,
// the body is closed.
func readAhead(resp *http.Response) error {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	start, err := io.ReadAll(io.LimitReader(resp.Body, aheadBytes))
	if err != nil {
		_ = resp.Body.Close()
		return err
	}
	resp.Body = &ahead{Reader: io.MultiReader(bytes.NewReader(start), resp.Body), Closer: resp.Body}
	return nil
}

// ahead is a body of which a part was read already.
type ahead struct {
	io.Reader
	io.Closer
}
