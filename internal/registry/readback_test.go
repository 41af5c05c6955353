package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
)

// readBack returns the contents, in order.
func readBack(t *testing.T, network http.RoundTripper, attachments ...*attest.Attachment) ([]attest.Stored, error) {
	t.Helper()
	return client(network).ReadBack(t.Context(), attachments[0].About.Ref.Context(), attachments)
}

// asStored is what a registry serves that does right.
func asStored(attachments []*attest.Attachment) (out []attest.Stored) {
	for _, a := range attachments {
		s := attest.Stored{Form: a.Form, Manifest: a.Manifest}
		switch {
		case a.Document != nil:
			s.Content = a.Document.Bytes
		case a.Form.IsTag():
			s.Layer = a.Bundle.Layer
		default:
			s.Content = a.Bundle.JSON
		}
		out = append(out, s)
	}
	return out
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{memory(api)}
				idx := push(t, network, repository+":v1", index(entry(t, "linux/amd64")))
				platform := push(t, network, repository+":amd64", image(t, "linux/amd64", "linux/amd64"))
				attachments := append(append(everyForm(platform), everyForm(idx)...), tagged(idx, "YW5vdGhlcg=="))
				attach(t, network, attachments...)
				start := time.Now()
				got, err := readBack(t, network, attachments...)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(asStored(attachments), got, references); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
				if took := time.Since(start); took > 0 {
					t.Errorf("it waited %v", took)
				}
			})
		})
	}
}

// stale answers the first n lists after a manifest was attached as if it had not been.
func stale(next http.Handler, n int) http.Handler {
	attached := 0
	return before(next, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/sha256") {
			attached++
		}
		if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, "/referrers/") || attached == 0 || n <= 0 {
			return false
		}
		n--
		w.Header().Set("Content-Type", ociIndex)
		fmt.Fprintf(w, `{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, ociIndex)
		return true
	})
}

func TestReadBackLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late   int
		golden string
	}{
		"shown at the fifth look": {late: 4},
		"never shown":             {late: 5, golden: "read-back-missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{stale(memory(true), c.late)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				attachments := bundles(m)[:1]
				attach(t, network, attachments...)
				_, err := readBack(t, network, attachments...)
				if c.golden != "" {
					goldenProblem(t, c.golden, err)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A registry may need a while until all of it serves what one part of it has accepted.
// What is new stays new then.
func TestReadBackEventually(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden string
		late   func(a *attest.Attachment) string // how the path ends that is not there yet
		form   attest.Form
	}{
		"manifest": {"read-back-missing-manifest", func(a *attest.Attachment) string { return a.Manifest.Ref.DigestStr() }, attest.FormBundle},
		"blob":     {"read-back-missing-blob", func(a *attest.Attachment) string { return digestOf(string(a.Bundle.JSON)).String() }, attest.FormBundle},
		"layer":    {"read-back-missing-layer", func(a *attest.Attachment) string { return digestOf(string(a.Bundle.Layer.Content)).String() }, attest.FormAtt},
	} {
		for _, duration := range []time.Duration{7 * time.Second, time.Hour} {
			for leg, api := range legs {
				t.Run(fmt.Sprint(name, " after ", duration, ", ", leg), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						inner := memory(api)
						m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
						a := attested(m, c.form)
						attach(t, inProcess{inner}, a)
						served := time.Now().Add(duration)
						_, err := readBack(t, inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
							late := is(req, http.MethodGet, c.late(a)) && time.Now().Before(served)
							if late {
								refuse(w, http.StatusNotFound, "UNKNOWN", "not yet")
							}
							return late
						})}, a)
						if duration == time.Hour {
							goldenProblem(t, c.golden, err)
						} else if err != nil {
							t.Error(err)
						}
						if a.State != attest.New {
							t.Errorf("it is %s", a.State)
						}
					})
				})
			}
		}
	}
}

// What another writer has overwritten is added again, next to what they have written.
func TestReadBackRepairs(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]attest.Form{
		"fallback": attest.FormBundle, "att": attest.FormAtt, "sig": attest.FormSig, "sbom": attest.FormTag,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rival, m := fight(t, form, 0)
				network := inProcess{rival}
				attachments := everyForm(m)
				attach(t, network, attachments...)
				put(t, inProcess{rival.next}, strings.TrimPrefix(rival.tag, "/"), rival.mediaType, []byte(rival.theirs))

				got, err := readBack(t, network, attachments...)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(asStored(attachments), got, references); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
				bothStay(t, network, m, attachments)
			})
		})
	}
}

// Who is overwritten again and again reads which tag it is.
//
// faults: F50
func TestReadBackOverwritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rival, m := fight(t, attest.FormBundle, 0)
		network := inProcess{rival}
		attachments := bundles(m)
		attach(t, network, attachments...)
		put(t, inProcess{rival.next}, rival.tag, rival.mediaType, []byte(rival.theirs))
		rival.n, rival.writes = 1000, 0
		_, err := readBack(t, network, attachments...)
		goldenProblem(t, "fallback-lost", err)
	})
}

// faults: F50
func TestReadBackFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden string
		form   attest.Form
		answer func(http.ResponseWriter)
	}{
		"other bytes":   {"read-back-other-bytes", attest.FormBundle, func(w http.ResponseWriter) { fmt.Fprint(w, `{"bundle":"of somebody else"}`) }},
		"unavailable":   {"read-back-unavailable", attest.FormBundle, func(w http.ResponseWriter) { w.WriteHeader(503) }},
		"login expired": {"login-wrong", attest.FormBundle, func(w http.ResponseWriter) { w.WriteHeader(401) }},
		"forbidden":     {"denied", attest.FormAtt, func(w http.ResponseWriter) { w.WriteHeader(403) }},
		"layer broken":  {"read-back-unavailable", attest.FormAtt, func(w http.ResponseWriter) { w.WriteHeader(503) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(true)
				m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
				a := attested(m, c.form)
				attach(t, inProcess{inner}, a)
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					fails := !isWrite(req) && strings.Contains(req.URL.Path, "/blobs/sha256:")
					if fails {
						c.answer(w)
					}
					return fails
				})}
				_, err := loggedIn(retrying(network)).ReadBack(t.Context(), m.Ref.Context(), []*attest.Attachment{a})
				goldenProblem(t, c.golden, err)
			})
		})
	}
}
