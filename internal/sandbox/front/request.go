package front

import (
	"io"
	"net/http"
	"regexp"
	"strings"
)

// A Request is what is written down of one request. It holds no credential.
type Request struct {
	Service       Service `json:"service"`
	Method        string  `json:"method"`
	Path          string  `json:"path"`
	Query         string  `json:"query"`
	UserAgent     string  `json:"user_agent"`
	Authorization string  `json:"authorization"` // the scheme alone, as in "Bearer"
	Status        int     `json:"status"`        // what the client got; 0 when it got no answer
	BodyBytes     int64   `json:"body_bytes"`
	AnswerBytes   int64   `json:"answer_bytes"`    // of the body that the client was sent so far
	Fault         string  `json:"fault,omitempty"` // what spoiled it, e.g. "503" or "cut after"
}

func newRequest(service Service, r *http.Request) *Request {
	return &Request{
		Service:       service,
		Method:        r.Method,
		Path:          r.URL.Path,
		Query:         signature.ReplaceAllString(r.URL.RawQuery, "${1}${2}"+redacted),
		UserAgent:     r.UserAgent(),
		Authorization: authScheme(r.Header.Get("Authorization")),
		BodyBytes:     max(r.ContentLength, 0), // -1 is unknown: countedBody counts
	}
}

const redacted = "redacted"

// signature is what makes a URL a credential.
var signature = regexp.MustCompile(`(^|&)(sig=)[^&]*`)

// authScheme is the first word of an Authorization header. A single word may be a credential.
func authScheme(header string) string {
	scheme, _, ok := strings.Cut(header, " ")
	if header != "" && !ok {
		return "(no scheme)"
	}
	return scheme
}

// An answer writes the status down before the client can see it: who has the answer and asks
// for the requests finds it there.
type answer struct {
	http.ResponseWriter
	front   *Front
	request *Request
}

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK { // below are interim answers
		a.settle(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.settle(http.StatusOK)
	n, err := a.ResponseWriter.Write(b)
	a.count(int64(n))
	return n, err
}

// ReadFrom leaves it to net/http how to send what may be a file.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	a.settle(http.StatusOK)
	n, err := io.Copy(a.ResponseWriter, r)
	a.count(n)
	return n, err
}

func (a *answer) count(n int64) {
	a.front.mu.Lock()
	defer a.front.mu.Unlock()
	if a.request.Method != http.MethodHead { // net/http drops what a handler writes to it
		a.request.AnswerBytes += n
	}
}

// Unwrap lets http.ResponseController find the writer below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// settle writes the first status down and ignores the others.
func (a *answer) settle(status int) {
	a.front.mu.Lock()
	defer a.front.mu.Unlock()
	if a.request.Status == 0 {
		a.request.Status = status
	}
}

// A countedBody is a request body that says its size only at its end.
type countedBody struct {
	io.ReadCloser
	front   *Front
	request *Request
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.front.mu.Lock()
	defer b.front.mu.Unlock()
	b.request.BodyBytes += int64(n)
	return n, err
}
