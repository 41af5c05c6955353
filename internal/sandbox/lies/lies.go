// Package lies is servers of Sigstore that answer as the protocol wants, and not the truth. Each
// stands before the true server, and most have it do the work: they change what it is asked, or
// what it answers. What a lie is not about stays true: refusals, and what else the server tells.
package lies

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sigstore/rekor/pkg/util"
)

// Lies are the servers of one service that lie, by the name of what is not true.
type Lies map[string]http.Handler

const bodyLimit = 1 << 28 // bytes of a request

// about leaves the requests to the truth whose path does not have this part.
func (l Lies) about(part string, truth http.Handler) Lies {
	narrow := Lies{}
	for name, liar := range l {
		narrow[name] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, part) {
				liar.ServeHTTP(w, r)
				return
			}
			truth.ServeHTTP(w, r)
		})
	}
	return narrow
}

// ask returns the answer of a server to a request with another body, without a connection.
func ask(server http.Handler, r *http.Request, body []byte) *httptest.ResponseRecorder {
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.ContentLength = int64(len(body))
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, again)
	return answer
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return body, nil
}

// relay answers what another answer was.
func relay(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.Header().Del("Content-Length") // the body may have changed
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may have gone
}

// askedAnew has the truth answer a request that was changed.
func askedAnew(truth http.Handler, change func(r *http.Request, body []byte) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			fail(w, err)
			return
		}
		changed, err := change(r, body)
		if err != nil {
			fail(w, err)
			return
		}
		relay(w, ask(truth, r, changed))
	})
}

// answeredAnew changes what the truth answers, unless it refuses.
func answeredAnew(truth http.Handler, change func(answer []byte) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			fail(w, err)
			return
		}
		answer := ask(truth, r, body)
		if answer.Code >= http.StatusMultipleChoices {
			relay(w, answer)
			return
		}
		changed, err := change(answer.Body.Bytes())
		if err != nil {
			fail(w, err)
			return
		}
		answer.Body = bytes.NewBuffer(changed)
		relay(w, answer)
	})
}

// always answers the same to everyone.
func always(status int, contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have gone
	})
}

// fail is for a lie that does not come about. Nobody may take it for the lie.
func fail(w http.ResponseWriter, err error) {
	http.Error(w, "lie: "+err.Error(), http.StatusNotImplemented)
}

// forged is a checkpoint with a bit of its signature changed.
func forged(envelope string) (string, error) {
	var note util.SignedNote
	if err := note.UnmarshalText([]byte(envelope)); err != nil {
		return "", fmt.Errorf("parse checkpoint: %w", err)
	}
	signed, err := base64.StdEncoding.DecodeString(note.Signatures[0].Base64)
	if err != nil {
		return "", fmt.Errorf("decode signature of checkpoint: %w", err)
	}
	note.Signatures[0].Base64 = base64.StdEncoding.EncodeToString(flipped(signed))
	return note.String(), nil
}

// flipped is bytes of which the last bit is another.
func flipped(content []byte) []byte {
	changed := bytes.Clone(content)
	changed[len(changed)-1] ^= 1
	return changed
}
