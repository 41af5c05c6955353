package registry_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
)

const ociManifest = "application/vnd.oci.image.manifest.v1+json"

// rival overwrites a tag after each of the first n writes of it, as a writer does that had
// read it before.
type rival struct {
	next      http.Handler
	tag       string // how it ends
	mediaType string
	theirs    string // manifest
	n         int
	writes    int // of the tag by others
}

func (r *rival) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.next.ServeHTTP(w, req)
	if !is(req, http.MethodPut, r.tag) || r.theirs == "" {
		return
	}
	if r.writes++; r.writes > r.n {
		return
	}
	theirs := httptest.NewRequestWithContext(req.Context(), http.MethodPut, req.URL.Path, strings.NewReader(r.theirs))
	theirs.Header.Set("Content-Type", r.mediaType)
	r.next.ServeHTTP(httptest.NewRecorder(), theirs)
}

// fight makes a rival that writes what another run has stored about the same image.
func fight(t *testing.T, form attest.Form, n int) (r *rival, m attest.Manifest) {
	t.Helper()
	r = &rival{next: memory(false), n: n, mediaType: ociManifest}
	network := inProcess{r}
	m = push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	theirs := everyForm(m)
	for _, a := range theirs {
		if a.Document != nil {
			a.Document.Bytes = []byte(`{"by":"the rival"}`)
			continue
		}
		a.Bundle.JSON = []byte(`{"by":"the rival"}`)
		a.Bundle.Layer.Content = []byte(`{"by":"the rival"}`)
	}
	attach(t, network, theirs...)
	r.tag = fallbackTag(m) + map[attest.Form]string{attest.FormSig: ".sig", attest.FormAtt: ".att", attest.FormTag: ".sbom"}[form]
	if !form.IsTag() {
		r.mediaType = ociIndex
	}
	r.theirs = string(get(t, network, r.tag))
	return r, m
}

// Under the tag of a document there is room for one: the last writer has it, and nobody fights.
func TestConvergeDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rival, m := fight(t, attest.FormTag, 1000)
		if err := client(inProcess{rival}).Attach(t.Context(), m.Ref.Context(), everyForm(m)); err != nil || rival.writes != 1 {
			t.Errorf("%d writes, %v; want one", rival.writes, err)
		}
	})
}

// faults: F46
func TestConvergeWithAnotherWriter(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]attest.Form{
		"fallback": attest.FormBundle, "att": attest.FormAtt, "sig": attest.FormSig,
	} {
		for times, c := range map[string]struct {
			overwritten int
			writes      int
			lost        bool
		}{
			"alone":                 {overwritten: 0, writes: 1},
			"overwritten once":      {overwritten: 1, writes: 2},
			"all but the last time": {overwritten: 11, writes: 12},
			"without end":           {overwritten: 1000, writes: 12, lost: true},
		} {
			t.Run(name+", "+times, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					rival, m := fight(t, form, c.overwritten)
					network := inProcess{rival}
					attachments := everyForm(m)
					start := time.Now()
					err := client(network).Attach(t.Context(), m.Ref.Context(), attachments)
					if took := time.Since(start); took > 242*time.Second {
						t.Errorf("it took %v, and no wait may be longer than 30 s", took)
					}
					if rival.writes != c.writes {
						t.Errorf("the tag was written %d times, want %d", rival.writes, c.writes)
					}
					located(t, attachments)
					if c.lost {
						goldenProblem(t, name+"-lost", err)
						onlyPlanned(t, form, attachments)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					bothStay(t, network, m, attachments)
				})
			})
		}
	}
}

// onlyPlanned checks that nothing but what goes to the tag of form is lost.
func onlyPlanned(t *testing.T, form attest.Form, attachments []*attest.Attachment) {
	t.Helper()
	for _, a := range attachments {
		lost := a.Form == form || (!form.IsTag() && !a.Form.IsTag())
		if (a.State == attest.Planned) != lost || (a.State == attest.New) == lost {
			t.Errorf("%s is %s", a.Form, a.State)
		}
	}
}

// bothStay checks that all of ours is there, and what the rival has added.
func bothStay(t *testing.T, network http.RoundTripper, m attest.Manifest, attachments []*attest.Attachment) {
	t.Helper()
	for _, a := range attachments {
		if a.State != attest.New {
			t.Errorf("%s is %s, want new", a.Form, a.State)
		}
	}
	found, err := client(network).Find(t.Context(), m, []attest.Form{attest.FormBundle, attest.FormAtt, attest.FormSig})
	if err != nil {
		t.Fatal(err)
	}
	got := map[attest.Form]int{}
	theirs := 0
	for _, stored := range found {
		got[stored.Form]++
		if bytes.Contains(append(stored.Content, stored.Layer.Content...), []byte("the rival")) {
			theirs++
		}
	}
	// the two bundles of the rival are one: they have the same bytes, and differ in the annotation
	want := map[attest.Form]int{attest.FormBundle: 4, attest.FormAtt: 2, attest.FormSig: 2}
	if diff := cmp.Diff(want, got); diff != "" || theirs != 4 {
		t.Errorf("%d of the rival, (-want +got):\n%s", theirs, diff)
	}
	if got := entries(t, get(t, network, fallbackTag(m))); len(got) != 6 {
		t.Errorf("%d entries in the index, want 6", len(got))
	}
}

// All tags are written, and then one wait is for all of them.
func TestConvergeWaitsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := record(memory(false))
		network := inProcess{requests}
		one := push(t, network, repository+":one", image(t, "linux/amd64", "one"))
		two := push(t, network, repository+":two", image(t, "linux/amd64", "two"))
		start := time.Now()
		attach(t, network, append(everyForm(one), everyForm(two)...)...)
		if took := time.Since(start); took < 500*time.Millisecond || took >= time.Second {
			t.Errorf("it took %v, want one wait of 0.5 to 1 s", took)
		}
		for _, m := range []attest.Manifest{one, two} {
			for _, suffix := range []string{"", ".att", ".sbom", ".sig"} {
				paths := requests.seen(http.MethodPut, fallbackTag(m)+suffix)
				if n := strings.Count(strings.Join(paths, "\n")+"\n", suffix+"\n"); suffix != "" && n != 1 {
					t.Errorf("%s was written %d times, want once", suffix, n)
				}
			}
		}
	})
}

// A slow registry gives others a long time between their read and their write.
func TestConvergeWaitsForSlowWriters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{before(memory(false), func(_ http.ResponseWriter, req *http.Request) bool {
			if strings.Contains(req.URL.Path, "/manifests/sha256-") {
				time.Sleep(500 * time.Millisecond)
			}
			return false
		})}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		start := time.Now()
		attach(t, network, bundles(m)...)
		// the look before, two reads that were too slow, one round of a second, four times as long or up to twice that, the last look
		if took := time.Since(start); took < 7*time.Second || took >= 11*time.Second {
			t.Errorf("it took %v, want 7 to 11 s", took)
		}
	})
}

// A job that is stopped does not wait any longer.
func TestConvergeStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rival, m := fight(t, attest.FormSig, 1000)
		stopped := errors.New("stopped")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, stopped)
		defer cancel()
		start := time.Now()
		err := client(inProcess{rival}).Attach(ctx, m.Ref.Context(), []*attest.Attachment{tagged(m, "c2ln")})
		if took := time.Since(start); !errors.Is(err, stopped) || took != 10*time.Second {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

func TestTagsAreWrittenAloneOfEachOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refused []string // how the paths end
		status  int
		golden  string
		want    []string
	}{
		".att refused": {
			[]string{".att"},
			http.StatusBadRequest, "tag-refused-att",
			[]string{"bundle: new", "att: planned", "referrer: new", "tag: new", "sig: new", "bundle: new"},
		},
		".sig and .att refused": {
			[]string{".att", ".sig"},
			http.StatusBadRequest, "tag-refused-sig",
			[]string{"bundle: new", "att: planned", "referrer: new", "tag: new", "sig: planned", "bundle: new"},
		},
		".sbom refused": {
			[]string{".sbom"},
			http.StatusConflict, "tag-refused-sbom",
			[]string{"bundle: new", "att: new", "referrer: new", "tag: planned", "sig: new", "bundle: new"},
		},
		".att and index refused": {
			[]string{".att", "INDEX"},
			http.StatusBadRequest, "index-refused",
			[]string{"bundle: planned", "att: planned", "referrer: planned", "tag: new", "sig: new", "bundle: planned"},
		},
		".att fails": {
			[]string{".att"},
			http.StatusInternalServerError, "attach-failed",
			[]string{"bundle: new", "att: planned", "referrer: new", "tag: new", "sig: new", "bundle: new"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				suffixes := c.refused
				refused := map[string]int{}
				network := inProcess{before(memory(false), func(w http.ResponseWriter, req *http.Request) bool {
					for _, suffix := range suffixes {
						if is(req, http.MethodPut, suffix) {
							refused[suffix]++
							refuse(w, c.status, "DENIED_TAG", "not this one")
							return true
						}
					}
					return false
				})}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				for i := range suffixes {
					suffixes[i] = strings.ReplaceAll(suffixes[i], "INDEX", fallbackTag(m))
				}
				attachments := everyForm(m)
				err := client(retrying(network)).Attach(t.Context(), m.Ref.Context(), attachments)
				goldenProblem(t, c.golden, err)
				if diff := cmp.Diff(c.want, states(attachments)); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				located(t, attachments)
				tries := 1
				if c.status >= 500 {
					tries = 6 // by the transport
				}
				for suffix, n := range refused {
					if n != tries {
						t.Errorf("%s was written %d times, want %d", suffix, n, tries)
					}
				}
			})
		})
	}
}
