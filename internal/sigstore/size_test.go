package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// envelopeOf is an attestation whose payload has so many bytes in base64, which is a
// multiple of four.
func envelopeOf(t *testing.T, encoded int) *attest.Statement {
	t.Helper()
	size := encoded / 4 * 3
	st := statements(t, size)[0]
	st = statements(t, 2*size-len(st.Payload))[0]
	if got := base64.StdEncoding.EncodedLen(len(st.Payload)); got != encoded {
		t.Fatalf("the envelope has %d bytes, not %d", got, encoded)
	}
	return st
}

// TestSize: what the public log would drop without a word is refused before Fulcio or the
// log is asked, and what it may drop is warned of.
//
// faults: F25
func TestSize(t *testing.T) {
	t.Parallel()
	const (
		mib    = 1 << 20
		around = 4 << 10 // what a request has besides
	)
	for name, c := range map[string]struct {
		statement func(t *testing.T) *attest.Statement
		elsewhere bool // another log, which answers for itself
		golden    string
		refused   bool
	}{
		"2 MiB":                  {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 2*mib-around) }},
		"above 2 MiB":            {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 2*mib-around+4) }, golden: "size-warning"},
		"3 MiB":                  {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 3*mib) }, golden: "size-warning-3"},
		"4 MiB":                  {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 4*mib-around) }, golden: "size-warning-4"},
		"above 4 MiB":            {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 4*mib-around+4) }, golden: "too-large", refused: true},
		"above 4 MiB, elsewhere": {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 4*mib-around+4) }, elsewhere: true},
		"above 63 MiB, elsewhere": {
			statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 63*mib-around+4) },
			elsewhere: true, golden: "too-large-to-read", refused: true,
		},
		"above 2 MiB, elsewhere": {statement: func(t *testing.T) *attest.Statement { return envelopeOf(t, 2*mib-around+4) }, elsewhere: true},
		"above 4 MiB, of which the log gets a hash": {statement: func(t *testing.T) *attest.Statement {
			st := *statements(t, 0)[2]
			st.Payload = append(st.Payload, bytes.Repeat([]byte(" "), 4*mib)...)
			return &st
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			o := options(t, i, token(t, claims(nil)))
			if !c.elsewhere {
				publicLog(i, &o)
			}
			var log bytes.Buffer
			o.Log = logTo(&log)
			s := newSigner(t, o)
			small := statements(t, 0)[1]
			bundles, err := s.Sign(t.Context(), []*attest.Statement{small, c.statement(t)})
			if c.refused {
				goldenProblem(t, c.golden, err)
				if len(i.requests) > 0 || len(bundles) > 0 {
					t.Errorf("%d bundles, requests %v", len(bundles), i.requests)
				}
				return
			}
			if err != nil || len(bundles) != 2 {
				t.Fatalf("%d bundles, error %v", len(bundles), err)
			}
			if c.golden == "" {
				if log.Len() > 0 {
					t.Errorf("the log says %s", &log)
				}
				return
			}
			golden.Compare(t, c.golden+".txt", log.Bytes())
		})
	}
}

// TestSizeElsewhere: a log that refuses what it gets is explained by its own words.
//
// faults: F25
func TestSizeElsewhere(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.intercept["rekor.example.com"] = answer(413, "")
	_, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), []*attest.Statement{envelopeOf(t, 5<<20)})
	if p := problem.From(err); p == nil || p.Code != problem.RekorRejected {
		t.Errorf("got %v", fmt.Sprint(err))
	}
}
