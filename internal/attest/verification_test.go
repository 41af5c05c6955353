package attest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// trustRoot is the world's; [attest.Cataloger] has a method Load too.
type trustRoot struct{ *world }

// Load implements [attest.TrustRoot].
func (r trustRoot) Load(context.Context) error { return r.call("load") }

// verify verifies w.refs by "us".
func (w *world) verify(ctx context.Context, t *testing.T, change func(r *attest.VerifyRequest)) ([]*attest.Verdict, error) {
	t.Helper()
	w.calls = nil
	req := attest.VerifyRequest{Images: w.references(t), Expected: attest.Expectation{SAN: identity.SAN, Issuer: identity.Issuer}, Format: attest.Both}
	if change != nil {
		change(&req)
	}
	v := &attest.Verification{Resolver: w, Finder: w, Trust: trustRoot{w}, Verifier: w, Progress: w, Log: slog.New(slog.DiscardHandler)}
	verdicts, err := v.Run(ctx, req)
	w.checkSections(t)
	return verdicts, err
}

// A thing is what somebody has stored about the image a.
type thing struct {
	form          attest.Form
	predicateType string // of the forms bundle and att
	predicate     string // default: {}
	by            string // default: us
	about         string // digit; default: a
	day           int    // on which the log has it
	broken        bool
}

// put stores things, whose log entries are counted from 0.
func (w *world) put(things ...thing) {
	for i, th := range things {
		digest := strings.Repeat("a", 64)
		if th.about != "" {
			digest = strings.Repeat(th.about, 64)
		}
		s := signed{By: "us", Digest: "sha256:" + digest, N: i, PayloadType: attest.PayloadType, PredicateType: th.predicateType}
		if th.by != "" {
			s.By = th.by
		}
		if th.day > 0 {
			s.At = time.Date(2026, 1, th.day, 0, 0, 0, 0, time.UTC)
		}
		if th.predicate == "" {
			th.predicate = "{}"
		}
		s.Payload = fmt.Appendf(nil, `{"predicateType":%q,"predicate":%s,"subject":[]}`, th.predicateType, th.predicate)
		if th.form == attest.FormSig {
			s.PayloadType, s.Payload = attest.SimpleSigningType, []byte("{}")
		}
		w.store = append(w.store, stored{manifest("a", "").Ref, th.stored(s)})
	}
}

// stored is the thing as a registry serves it: what signed says, in the place where the
// form has its envelope.
func (th thing) stored(s signed) attest.Stored {
	out := attest.Stored{Form: th.form, Manifest: manifest("e", "")}
	encoded, _ := json.Marshal(s) // of strings and bytes
	switch th.form {
	case attest.FormSig:
		out.Layer = attest.Layer{Content: s.Payload, Signature: string(encoded)}
	case attest.FormAtt:
		out.Layer = attest.Layer{Content: encoded}
	default:
		out.Content, _ = json.Marshal(struct {
			signed
			Envelope json.RawMessage `json:"dsseEnvelope"`
		}{s, encoded})
	}
	if th.broken {
		out.Layer.Signature, out.Content = "broken", []byte("broken")
	}
	return out
}

const (
	signature  = attest.SignaturePredicateType
	spdx       = attest.SPDXPredicateType
	cycloneDX  = attest.CycloneDXPredicateType
	provenance = "https://slsa.dev/provenance/v1"
)

func bundleOf(predicateType string) thing {
	return thing{form: attest.FormBundle, predicateType: predicateType}
}

func requireSBOM(r *attest.VerifyRequest) { r.RequireSBOM = true }

// TestVerification: what is accepted, and which of several.
func TestVerification(t *testing.T) {
	t.Parallel()
	old, recent := thing{form: attest.FormSig, day: 1}, thing{form: attest.FormSig, day: 2}
	sbom := func(form attest.Form, predicateType, predicate string, day int) thing {
		return thing{form: form, predicateType: predicateType, predicate: predicate, day: day}
	}
	for name, tt := range map[string]struct {
		things []thing
		change func(*attest.VerifyRequest)
		entry  int64 // of the signature
		format attest.Format
		sbom   string
	}{
		"bundle":                         {things: []thing{bundleOf(spdx), bundleOf(signature)}, entry: 1, format: attest.SPDXJSON, sbom: "{}"},
		"tag":                            {things: []thing{{form: attest.FormSig}}},
		"newest":                         {things: []thing{old, recent, old}, entry: 1},
		"bundle before tag":              {things: []thing{{form: attest.FormBundle, predicateType: signature, day: 1}, recent}},
		"last where the log has no time": {things: []thing{bundleOf(signature), bundleOf(signature)}, entry: 1},
		"one of others":                  {things: []thing{{form: attest.FormSig, by: "them"}, {form: attest.FormSig, about: "b"}, {form: attest.FormSig}, {form: attest.FormSig, broken: true}}, entry: 2},
		"SPDX first": {
			things: []thing{recent, sbom(attest.FormBundle, cycloneDX, `{"c":1}`, 3), sbom(attest.FormBundle, spdx, `{"s":1}`, 1)},
			format: attest.SPDXJSON, sbom: `{"s":1}`,
		},
		"newest SBOM, byte for byte": {
			things: []thing{recent, sbom(attest.FormAtt, spdx+"/v2.3", "{ \"new\": 1.50\n}", 3), sbom(attest.FormBundle, spdx, `{"old":1}`, 2)},
			format: attest.SPDXJSON, sbom: "{ \"new\": 1.50\n}",
		},
		"CycloneDX":                  {things: []thing{recent, sbom(attest.FormAtt, cycloneDX+"/v1.6", `{"c":1}`, 0)}, change: requireSBOM, format: attest.CycloneDXJSON, sbom: `{"c":1}`},
		"SBOM of others":             {things: []thing{recent, {form: attest.FormBundle, predicateType: spdx, by: "them"}}},
		"SBOM that is a string":      {things: []thing{recent, sbom(attest.FormBundle, spdx, `"SPDXVersion: SPDX-2.3"`, 1)}},
		"type that looks like SPDX":  {things: []thing{recent, sbom(attest.FormBundle, spdx+"ation", "{}", 1)}},
		"SBOM of unknown statements": {things: []thing{recent, bundleOf(provenance), bundleOf("")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			w.put(tt.things...)
			verdicts, err := w.verify(t.Context(), t, tt.change)
			if err != nil {
				t.Fatal(err)
			}
			v := verdicts[0]
			if len(verdicts) != 1 || v.Subject.Ref != single().Ref || v.Signature.Entry.Index != tt.entry || v.Signature.Signer != identity {
				t.Errorf("verdict %+v with signature %+v, want the log entry %d", v, v.Signature, tt.entry)
			}
			got, want := v.SBOM, &attest.Document{Format: tt.format, Bytes: []byte(tt.sbom)}
			if tt.sbom == "" {
				want = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("SBOM (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerificationCalls: what is asked for, in which order, and that nobody is asked about
// what does not matter.
func TestVerificationCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.put(bundleOf(signature), bundleOf(provenance), thing{form: attest.FormSig}, thing{form: attest.FormAtt, predicateType: spdx})
	w.refs = []string{"ghcr.io/acme/app:v1", "ghcr.io/acme/app:v1"}
	if _, err := w.verify(t.Context(), t, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"load", "resolve ghcr.io/acme/app:v1", "resolve ghcr.io/acme/app:v1",
		"find a [bundle]", "verify bundle of a", "find a [sig]", "verify sig of a", "find a [att]", "verify att of a",
	}
	if diff := cmp.Diff(want, w.made()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestVerificationFails: an error of the outside world is never a verdict.
func TestVerificationFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ fail, wraps, last string }{
		"trust":   {"load", "load trust root: ", "load"},
		"resolve": {"resolve", "resolve ghcr.io/acme/app:v1: ", "resolve"},
		"find":    {"find a [sig]", "look for signatures of ghcr.io/acme/app@sha256:", "find a [sig]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			w.put(bundleOf(signature))
			cause := &problem.Problem{Code: problem.RegistryUnavailable, What: "No."}
			w.fail[tt.fail] = cause
			verdicts, err := w.verify(t.Context(), t, nil)
			if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), tt.wraps) {
				t.Errorf("error %v, want the cause behind %q", err, tt.wraps)
			}
			for _, v := range verdicts {
				if v.Signature != nil {
					t.Errorf("a failed run has the signature %+v", v.Signature)
				}
			}
			if made := w.made(); !strings.HasPrefix(made[len(made)-1], tt.last) {
				t.Errorf("the calls go on: %q", made)
			}
		})
	}
}

// TestVerificationStops: at each call, a run that was stopped says why, and does nothing more.
func TestVerificationStops(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"resolve", "find a [bundle]", "verify bundle", "find a [att]"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			stopped := &problem.Problem{Code: problem.Timeout, What: "Too long."}
			w := newWorld(single())
			w.put(bundleOf(spdx), bundleOf(signature))
			w.on[at] = func() { cancel(stopped) }
			if _, err := w.verify(ctx, t, nil); !errors.Is(err, stopped) {
				t.Errorf("error %v, want the reason", err)
			}
		})
	}
}
