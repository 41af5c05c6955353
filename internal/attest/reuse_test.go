package attest_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
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

// TestFirstFind: the first answer says what the registry can do, so that no other question is
// asked meanwhile.
func TestFirstFind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(two())
		w.on["find a"] = func() {
			time.Sleep(time.Second) // all others would have begun
			w.mu.Lock()
			defer w.mu.Unlock()
			if asked := w.did("find"); len(asked) != 1 {
				t.Errorf("asked meanwhile: %q", asked)
			}
		}
		if _, err := w.run(t, bundlesOnly); err != nil {
			t.Fatal(err)
		}
		if asked := w.did("find"); len(asked) != 3 {
			t.Errorf("asked: %q", asked)
		}
	})
}
