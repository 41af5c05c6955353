package attest_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
)

const tomorrow = "2026-01-03T09:09:09Z"

// TestRunAgain: a run that is repeated signs nothing and stores nothing, and hands out the
// documents that were signed.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	both := []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON}
	for _, format := range []attest.SignatureFormat{attest.Both, attest.Bundles, attest.Legacy} {
		for shape, subject := range map[string]*attest.Subject{"plain": single(), "index-of-one": index(image("a", "amd64")), "index-of-two": two()} {
			name := fmt.Sprintf("again-%s-%s", shape, format)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(subject)
				w.formats = both
				change := func(r *attest.Request) { r.Sign.Format, r.AttachReferrer, r.AttachTag = format, true, true }
				first, err := w.run(t, change)
				if err != nil {
					t.Fatal(err)
				}
				have := slices.Clone(w.store)

				w.created = tomorrow
				second, err := w.run(t, change)
				if err != nil {
					t.Fatal(err)
				}
				golden.Compare(t, "runs/"+name+".txt", w.trace())
				if len(w.did("sign")) > 0 {
					t.Errorf("calls %q", w.made())
				}
				if !slices.EqualFunc(have, w.store, func(a, b stored) bool { return a.about == b.about && same(a.Stored, b.Stored) }) {
					t.Errorf("%d things are stored, %d were", len(w.store), len(have))
				}
				if diff := cmp.Diff(documentsOf(first), documentsOf(second)); diff != "" {
					t.Errorf("documents (-first +second):\n%s", diff)
				}
				a, b := first.Seals[0], second.Seals[0]
				for i := range b.Attachments {
					if b.Attachments[i].State != attest.Existing || b.Attachments[i].Manifest != a.Attachments[i].Manifest {
						t.Errorf("attachment %d is %s at %s", i, b.Attachments[i].State, b.Attachments[i].Manifest.Ref)
					}
				}
				for i := range b.Bundles {
					if !b.Bundles[i].Existing || b.Bundles[i].Entry != a.Bundles[i].Entry || b.Bundles[i].Statement.Platform != a.Bundles[i].Statement.Platform {
						t.Errorf("bundle %d = %+v", i, b.Bundles[i])
					}
				}
			})
		}
	}
}

func documentsOf(res *attest.Result) []string {
	var out []string
	for _, s := range res.Seals {
		for _, one := range s.SBOMs {
			for _, doc := range one.Documents {
				out = append(out, string(doc.Bytes))
			}
		}
	}
	return out
}

// TestAdopt: signed bytes replace ours where nothing but the creation time differs.
func TestAdopt(t *testing.T) {
	t.Parallel()
	const spdx = `{"creationInfo":{"created":"%s","creators":["Tool: x"]},"packages":[{"name":"a","versionInfo":"%s","n":1.50}],"created":"x"}`
	const cdx = `{"metadata":{"timestamp":"%s","component":{"timestamp":"x"}},"components":[{"name":"a","version":"%s"}]}`
	of := func(text, created, version string) string { return fmt.Sprintf(text, created, version) }
	was := of(spdx, today, "1")
	for name, tt := range map[string]struct {
		was, is string
		adopts  bool
	}{
		"the same bytes":                {was, was, true},
		"SPDX of another time":          {was, of(spdx, tomorrow, "1"), true},
		"SPDX without a time":           {was, strings.Replace(was, `"created":"`+today+`",`, "", 1), true},
		"other space":                   {was, "\n " + strings.ReplaceAll(of(spdx, tomorrow, "1"), `":`, `" : `) + "\t\n", true},
		"space around, as it was":       {"\t" + was + " \n\n", of(spdx, tomorrow, "1"), true},
		"fields in another order":       {`{"a":1,"b":2}`, `{"b":2,"a":1}`, true},
		"CycloneDX of another time":     {of(cdx, today, "1"), of(cdx, tomorrow, "1"), true},
		"another package":               {was, of(spdx, today, "2"), false},
		"another package and time":      {was, of(spdx, tomorrow, "2"), false},
		"one package more":              {was, strings.Replace(was, `"packages":[`, `"packages":[{},`, 1), false},
		"another package, CycloneDX":    {of(cdx, today, "1"), of(cdx, today, "2"), false},
		"another creator":               {was, strings.Replace(was, "Tool: x", "Tool: y", 1), false},
		"another field named created":   {was, strings.Replace(was, `"created":"x"`, `"created":"y"`, 1), false},
		"another field named timestamp": {of(cdx, today, "1"), strings.Replace(of(cdx, today, "1"), `"timestamp":"x"`, `"timestamp":"y"`, 1), false},
		"a timestamp is no created":     {was, strings.Replace(was, `"created":"2026`, `"timestamp":"2026`, 1), false},
		"no creation info":              {was, strings.Replace(was, `"creationInfo":{"created":"`+today+`","creators":["Tool: x"]},`, "", 1), false},
		"a number written otherwise":    {was, strings.Replace(was, "1.50", "1.5", 1), false},
		"a list of it":                  {was, "[" + was + "]", false},
		"null":                          {was, "null", false},
	} {
		for _, format := range []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON} {
			t.Run(name+" as "+string(format), func(t *testing.T) {
				t.Parallel()
				w := newWorld(single())
				w.formats, w.text = []attest.Format{format}, tt.was
				if _, err := w.run(t, nil); err != nil {
					t.Fatal(err)
				}
				w.text = tt.is
				res, err := w.run(t, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := tt.is
				if tt.adopts {
					want = tt.was
				}
				if diff := cmp.Diff([]string{want}, documentsOf(res)); diff != "" {
					t.Errorf("document (-want +got):\n%s", diff)
				}
				if signed := w.did("sign"); (len(signed) == 0) != tt.adopts {
					t.Errorf("signed %q", signed)
				}
				if w.text = tt.was; tt.adopts { // and again
					if _, err := w.run(t, nil); err != nil || len(w.did("sign")) > 0 {
						t.Errorf("a third run: error %v, signs %q", err, w.did("sign"))
					}
				}
			})
		}
	}
}

// TestAdoptOnlyOurs: what others have signed, or of another image or kind, is left alone.
func TestAdoptOnlyOurs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stored){
		"another workflow": func(s *stored) { s.Content = bytes.Replace(s.Content, []byte(`"By":"us"`), []byte(`"By":"them"`), 1) },
		"another image":    func(s *stored) { s.Content = bytes.Replace(s.Content, []byte("sha256:aa"), []byte("sha256:ab"), 1) },
		"another predicate": func(s *stored) {
			s.Content = bytes.Replace(s.Content, []byte("spdx.dev/Document"), []byte("spdx.dev/Other"), 1)
		},
		"no predicate": func(s *stored) {
			s.Content = fmt.Appendf(nil, `{"By":"us","Digest":%q,"PredicateType":%q,"Payload":"e30="}`, s.about.DigestStr(), attest.SPDXPredicateType)
		},
		"no JSON inside": func(s *stored) {
			s.Content = fmt.Appendf(nil, `{"By":"us","Digest":%q,"PredicateType":%q,"Payload":"eA=="}`, s.about.DigestStr(), attest.SPDXPredicateType)
		},
		"garbage": func(s *stored) { s.Content = []byte("x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			if _, err := w.run(t, bundlesOnly); err != nil {
				t.Fatal(err)
			}
			for i := range w.store {
				if bytes.Contains(w.store[i].Content, []byte(attest.SPDXPredicateType)) {
					change(&w.store[i])
				}
			}
			w.created = tomorrow
			res, err := w.run(t, bundlesOnly)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"sign a spdx"}, w.did("sign")); diff != "" {
				t.Errorf("signed (-want +got):\n%s", diff)
			}
			if got := documentsOf(res); len(got) != 1 || !strings.Contains(got[0], tomorrow) {
				t.Errorf("documents %q", got)
			}
			if name == "another workflow" {
				golden.Compare(t, "logs/foreign.log", w.log.Bytes())
			}
		})
	}
}

// TestAdoptOfTheSameImage: a document that another platform of the index has signed is not
// this one's, though it says the same.
func TestAdoptOfTheSameImage(t *testing.T) {
	t.Parallel()
	chosen := two()
	chosen.Images = chosen.Images[:1]
	w := newWorld(chosen)
	w.text = `{"creationInfo":{"created":"` + today + `"}}`
	if _, err := w.run(t, bundlesOnly); err != nil {
		t.Fatal(err)
	}
	w.subjects[repository+":v1"], w.text = two(), `{"creationInfo":{"created":"`+tomorrow+`"}}`
	res, err := w.run(t, bundlesOnly)
	if err != nil {
		t.Fatal(err)
	}
	for i, created := range []string{today, tomorrow} {
		if got := documentsOf(res)[i]; !strings.Contains(got, created) {
			t.Errorf("platform %d has %s", i, got)
		}
	}
}

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
