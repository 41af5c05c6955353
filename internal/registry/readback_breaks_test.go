package registry_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
)

// cutter breaks off the first answers that are so large that the transport does not see to that.
type cutter struct {
	next  http.RoundTripper
	times int
}

func (c *cutter) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	rest := io.Reader(bytes.NewReader(body))
	if len(body) > 512<<10 && c.times > 0 {
		c.times--
		rest = io.MultiReader(bytes.NewReader(body[:512<<10]), iotest.ErrReader(io.ErrUnexpectedEOF))
	}
	resp.Body = io.NopCloser(rest)
	return resp, err
}

// What breaks off on the way is read again, and not stored again.
func TestReadBackBreaksOff(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("large "), 1<<20/6)
	for name, build := range map[string]func(m attest.Manifest) (a *attest.Attachment, grows *[]byte){
		"bundle": func(m attest.Manifest) (*attest.Attachment, *[]byte) {
			a := signature(m)
			return a, &a.Bundle.JSON
		},
		"referrer": func(m attest.Manifest) (*attest.Attachment, *[]byte) {
			a := document(m, attest.FormReferrer)
			return a, &a.Document.Bytes
		},
		"tag": func(m attest.Manifest) (*attest.Attachment, *[]byte) {
			a := document(m, attest.FormTag)
			return a, &a.Document.Bytes
		},
		"att": func(m attest.Manifest) (*attest.Attachment, *[]byte) {
			a := attested(m, attest.FormAtt)
			return a, &a.Bundle.Layer.Content
		},
		"manifest": func(m attest.Manifest) (*attest.Attachment, *[]byte) {
			a := tagged(m, "c2ln")
			return a, &a.Bundle.Layer.Chain
		},
	} {
		for times, c := range map[string]struct {
			breaks int
			fails  bool
		}{
			"once": {breaks: 1}, "four times": {breaks: 4}, "without end": {breaks: 1000, fails: true},
		} {
			t.Run(name+", "+times, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					requests := record(memory(true))
					network := inProcess{requests}
					m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
					a, grows := build(m)
					*grows = large
					attachments := []*attest.Attachment{a, attested(m, attest.FormBundle)}
					attach(t, network, attachments...)
					requests.forget()
					got, err := readBack(t, retrying(&cutter{network, c.breaks}), attachments...)
					if c.fails {
						goldenProblem(t, "read-back-broken", err)
					} else if err != nil {
						t.Fatal(err)
					} else if diff := cmp.Diff(asStored(attachments), got, references, cmp.Comparer(bytes.Equal)); diff != "" {
						t.Errorf("stored (-want +got):\n%s", diff)
					}
					if written := requests.writes(); len(written) > 0 {
						t.Errorf("written again: %v", written)
					}
				})
			})
		}
	}
}
