package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	faultLimit = 1 << 20 // bytes of an order for a fault
	bodyLimit  = 1 << 30 // bytes of a request that has to wait
)

// A Cut drops the connection instead of answering.
type Cut string

// When the connection is dropped.
const (
	CutBefore Cut = "before" // the server never sees the request
	CutWithin Cut = "within" // the client gets half of the answer's body
	CutAfter  Cut = "after"  // the server has done its work, and the client does not know
)

// A Fault spoils requests: the next Times ones to Service that match, or all of them if Times
// is 0. Faults wait in the order in which they came, and a request takes the first that matches.
//
// A cut GET or PUT on a connection that served a request before is repeated by Go's own HTTP
// client, unseen by its caller, and then counts as two requests.
type Fault struct {
	Service Service           `json:"service"`
	Method  string            `json:"method,omitempty"` // empty: any
	Path    string            `json:"path,omitempty"`   // a part of the path; empty: any
	Status  int               `json:"status,omitempty"` // answered in place of the server
	Body    string            `json:"body,omitempty"`   // with Status
	Header  map[string]string `json:"header,omitempty"` // with Status
	Delay   Delay             `json:"delay,omitempty"`  // waited first
	Rate    int               `json:"rate,omitempty"`   // bytes a second that all its requests share
	Hold    string            `json:"hold,omitempty"`   // the name to release the request by; waited for next
	Cut     Cut               `json:"cut,omitempty"`
	Lie     string            `json:"lie,omitempty"` // the name of the server that answers in place of the true one
	Times   int               `json:"times,omitempty"`
	Spare

	hold *hold        // by the name Hold, or nil
	link *link        // of Rate, or nil
	liar http.Handler // by the name Lie, or nil
}

// A Delay is a duration, written as Go writes it: "200ms".
type Delay time.Duration

// UnmarshalText parses a duration.
func (d *Delay) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("parse delay: %w", err)
	}
	*d = Delay(parsed)
	return nil
}

func parseFault(r io.Reader) (*Fault, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var fault Fault
	if err := decoder.Decode(&fault); err != nil {
		return nil, fmt.Errorf("parse fault: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse fault: one JSON object is enough")
	}
	if fault.Rate > 0 {
		fault.link = &link{rate: fault.Rate}
	}
	return &fault, errors.Join(fault.validate(), fault.Spare.validate())
}

func (f Fault) validate() error {
	switch {
	case !slices.Contains(Services(), f.Service):
		return fmt.Errorf("unknown service %q, have %q", f.Service, Services())
	case f.Status == 0 && f.Delay == 0 && f.Rate == 0 && f.Hold == "" && f.Cut == "" && f.Lie == "":
		return errors.New("a fault needs a status, a delay, a rate, a hold, a cut or a lie")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	case f.Status != 0 && f.Cut != "":
		return errors.New("a cut connection answers no status")
	case f.Lie != "" && (f.Status != 0 || f.Cut != ""):
		return errors.New("a lie has its own status, and its connection is not cut")
	case f.Status == 0 && (f.Body != "" || len(f.Header) > 0):
		return errors.New("body and header need a status")
	case f.Cut != "" && f.Cut != CutBefore && f.Cut != CutWithin && f.Cut != CutAfter:
		return fmt.Errorf("unknown cut %q, have %q, %q and %q", f.Cut, CutBefore, CutWithin, CutAfter)
	case f.Rate > 0 && (f.Status != 0 || f.Cut != "" || f.Lie != ""):
		return errors.New("a rate is for what the server answers")
	case f.Above > 0 && f.Status == 0:
		return errors.New("what is above a limit is answered by a status")
	case f.Delay < 0 || f.Rate < 0 || f.Times < 0:
		return errors.New("delay, rate and times cannot be negative")
	}
	return nil
}

func (f Fault) matches(service Service, r *http.Request) bool {
	return f.Service == service &&
		(f.Method == "" || strings.EqualFold(f.Method, r.Method)) &&
		strings.Contains(r.URL.Path, f.Path)
}

// serve answers a request under this fault; the zero Fault leaves it to the server.
func (f Fault) serve(w http.ResponseWriter, r *http.Request, server http.Handler) {
	if (f.Delay > 0 || f.hold != nil) && !f.wait(w, r) {
		panic(http.ErrAbortHandler) // the client has gone
	}
	switch {
	case f.Cut == CutBefore:
		panic(http.ErrAbortHandler) // how a handler has net/http drop the connection
	case f.Cut == CutWithin:
		half := &half{ResponseWriter: w}
		server.ServeHTTP(half, r)
		_ = http.NewResponseController(w).Flush() // else the client gets nothing at all
		panic(http.ErrAbortHandler)
	case f.Cut == CutAfter:
		server.ServeHTTP(discard{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		f.answer(w)
	case f.liar != nil:
		f.liar.ServeHTTP(w, r)
	case f.link != nil:
		f.link.serve(w, r, server)
	default:
		server.ServeHTTP(w, r)
	}
}

// name says in a word or two what the fault does; the zero Fault does nothing.
func (f Fault) name() string {
	switch {
	case f.Cut != "":
		return "cut " + string(f.Cut)
	case f.Status != 0:
		return strconv.Itoa(f.Status)
	case f.Lie != "":
		return "lie " + f.Lie
	case f.Hold != "":
		return "hold"
	case f.Rate > 0:
		return "rate"
	case f.Delay > 0:
		return "delay"
	}
	return ""
}

func (f Fault) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	f.tell(w.Header(), time.Now())
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body) // the client may have gone
}

// wait reports whether the client is still there after the delay and the hold. It reads the body
// first, because net/http does not notice that a client has gone while there is a body to read.
func (f Fault) wait(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	timer := time.NewTimer(time.Duration(f.Delay))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return false
	}
	return f.hold == nil || f.hold.wait(r.Context())
}

// discard is the answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
