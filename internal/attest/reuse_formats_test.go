package attest_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
)

// TestReuseOtherLayouts: a statement of an older release that this workflow signed, in
// which the predicate stands elsewhere.
func TestReuseOtherLayouts(t *testing.T) {
	t.Parallel()
	doc := func(created string) string {
		return `{"creationInfo":{"created":"` + created + `"},"predicate":{"a":1}}`
	}
	for name, payload := range map[string]string{
		"in the middle": `{"predicate":` + doc(today) + `,"predicateType":"x"}`,
		"before others": `{"a":1,"predicate":` + doc(today) + `,"z":{}}`,
		"with space":    `{"a":1, "predicate" : ` + doc(today) + ` }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			st := &attest.Statement{About: single().Manifest, PayloadType: attest.PayloadType, PredicateType: attest.SPDXPredicateType, Payload: []byte(payload)}
			b := signed{"us", st.About.Ref.DigestStr(), 7, st.PayloadType, st.PredicateType, st.Payload, false, time.Time{}}.bundle(st)
			w.attach(st.About.Ref.Context(), &attest.Attachment{Form: attest.FormBundle, About: st.About, Bundle: b})
			w.text = doc(tomorrow)
			res, err := w.run(t, bundlesOnly)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{doc(today)}, documentsOf(res)); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"sign a spdx, a signature"}, w.did("sign")); diff != "" {
				t.Errorf("signed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReuseAcrossFormats: what is signed and stored when runs differ in the signature
// format, or something was deleted in between.
func TestReuseAcrossFormats(t *testing.T) {
	t.Parallel()
	annotate := func(r *attest.Request) { r.Sign.Annotations = map[string]string{"team": "platform"} }
	for name, tt := range map[string]struct {
		first, second func(*attest.Request)
		forget        attest.Form
		signs, stores []string
	}{
		"both without .att":   {nil, nil, attest.FormAtt, nil, []string{"spdx as att"}},
		"both without .sig":   {nil, nil, attest.FormSig, []string{"sign a old-signature"}, []string{"old-signature as sig"}},
		"both, no bundles":    {nil, nil, attest.FormBundle, []string{"sign a spdx, a signature"}, []string{"spdx as bundle", "spdx as att", "signature as bundle"}},
		"bundle, then both":   {bundlesOnly, nil, "", []string{"sign a old-signature"}, []string{"spdx as att", "old-signature as sig"}},
		"both, then bundle":   {nil, bundlesOnly, "", nil, nil},
		"both, then legacy":   {nil, legacyOnly, "", nil, nil},
		"legacy, then both":   {legacyOnly, nil, "", []string{"sign a spdx, a signature"}, []string{"spdx as bundle", "spdx as att", "signature as bundle"}},
		"legacy, then bundle": {legacyOnly, bundlesOnly, "", []string{"sign a spdx, a signature"}, []string{"spdx as bundle", "signature as bundle"}},
		"other annotations":   {nil, annotate, "", []string{"sign a signature, a old-signature"}, []string{"signature as bundle", "old-signature as sig"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			if _, err := w.run(t, tt.first); err != nil {
				t.Fatal(err)
			}
			if tt.forget != "" {
				w.forget(tt.forget)
			}
			w.created = tomorrow
			res, err := w.run(t, tt.second)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.signs, w.did("sign")); diff != "" {
				t.Errorf("signed (-want +got):\n%s", diff)
			}
			var stores []string
			for _, a := range res.Seals[0].Attachments {
				if a.State == attest.New {
					stores = append(stores, attachment(a))
				}
			}
			if diff := cmp.Diff(tt.stores, stores); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			var readBack []string // what is new, and nothing else
			if len(stores) > 0 {
				readBack = []string{fmt.Sprintf("read-back %d of ghcr.io/acme/app", len(stores))}
			}
			if diff := cmp.Diff(readBack, w.did("read-back")); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
			if _, err := w.run(t, tt.second); err != nil || len(w.did("sign")) > 0 {
				t.Errorf("a third run: error %v, signs %q", err, w.did("sign"))
			}
		})
	}
}

// TestLegacyWarns: old verifiers that look at bundles too would not see what legacy adds.
func TestLegacyWarns(t *testing.T) {
	t.Parallel()
	w := newWorld(index(image("a", "amd64")))
	if _, err := w.run(t, legacyOnly); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.log.String(), "WARN") {
		t.Errorf("without a bundle:\n%s", &w.log)
	}
	if _, err := w.run(t, bundlesOnly); err != nil {
		t.Fatal(err)
	}
	if _, err := w.run(t, legacyOnly); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "logs/legacy-over-bundles.log", w.log.Bytes())

	w.fail["find a [bundle]"] = errors.New("405 of a registry that has no place for referrers")
	if _, err := w.run(t, legacyOnly); err != nil || strings.Contains(w.log.String(), "a has a bundle") {
		t.Errorf("where bundles cannot be listed: error %v\n%s", err, &w.log)
	}
}

// TestIndexDocumentFollows: a document about the index that names others than it did is
// signed again, and only that and the changed one.
func TestIndexDocumentFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(two())
	if _, err := w.run(t, bundlesOnly); err != nil {
		t.Fatal(err)
	}
	w.created, w.version = tomorrow, "2.0"
	res, err := w.run(t, bundlesOnly)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sign a spdx, b spdx, f spdx"}, w.did("sign")); diff != "" {
		t.Errorf("signed (-want +got):\n%s", diff)
	}
	a := res.Seals[0].Attestation()
	if a == nil || a.About.Ref != two().Ref || !bytes.Contains(a.Bundle.Statement.Payload, res.Seals[0].SBOM().Documents[0].Bytes) {
		t.Errorf("Attestation() = %+v", a)
	}
}

// TestLogWithoutPromise: where the log has nothing for old verifiers, `both` signs for new
// ones alone; and what was signed so is signed again for cosign's tags when there is a log
// that has.
func TestLogWithoutPromise(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.newLog = true
	res, err := w.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range res.Seals[0].Attachments {
		if a.Form != attest.FormBundle {
			t.Errorf("stored as %s, for which there is nothing", a.Form)
		}
	}
	w.newLog = false
	if _, err := w.run(t, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sign a spdx, a old-signature"}, w.did("sign")); diff != "" {
		t.Errorf("signed (-want +got):\n%s", diff)
	}
}
