package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"
)

// A StatusError is the answer of a server that was not able to serve, or what
// [NewStatusError] has made of one.
type StatusError struct {
	Method   string
	Host     string // host of the request, with port
	Path     string // without query, which may carry credentials
	Status   int
	Message  string        // start of the server's answer, at most 512 bytes, not yet escaped
	Attempts int           // how often the request was sent; 0 if that was not counted
	Took     time.Duration // from the first attempt to the last answer
}

// Error is one line: method, host, path, status, the server's words, and the attempts.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s %s%s: %d %s", e.Method, e.Host, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s + tried(e.Attempts, e.Took)
}

func tried(attempts int, took time.Duration) string {
	if attempts < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d attempts in %s)", attempts, took.Round(time.Second))
}

const (
	// maxErrorBytes is how much of a failing server's answer is kept.
	maxErrorBytes = 512
	// maxDrainBytes is how much more is read, so that the connection can be used again.
	maxDrainBytes = 64 << 10
)

// NewStatusError reads the start of resp's body into a StatusError and closes it.
func NewStatusError(resp *http.Response) *StatusError {
	defer resp.Body.Close()
	// A body that breaks off still leaves the status, which is what counts.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrainBytes))
	e := &StatusError{Status: resp.StatusCode, Message: Unsigned(string(bytes.TrimSpace(text)))}
	if r := resp.Request; r != nil {
		e.Method, e.Host, e.Path = r.Method, r.URL.Host, r.URL.Path
	}
	return e
}

// query is that of an address in a text, which may be JSON.
var query = regexp.MustCompile(`(:\\?/\\?/[^\s"'<>?]*)\?[^\s"'<>]*`)

// Unsigned is a server's text without the queries of its addresses, which may be credentials: an
// answer that was not expected can have a signed URL in it.
func Unsigned(text string) string { return query.ReplaceAllString(text, "$1?…") }
