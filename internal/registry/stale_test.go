package registry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seal-image/internal/attest"
)

// late is a registry in which another run stores and checks its own while something of ours is under
// way to a tag, which then has to be done again.
type late struct {
	*rival
	when func(*http.Request) bool
	do   func(w http.ResponseWriter, req *http.Request)
	done atomic.Bool
}

func (l *late) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !l.when(req) || l.done.Swap(true) {
		l.next.ServeHTTP(w, req)
		return
	}
	l.do(w, req)
}

// newLate is one in which the other run has not stored its own yet.
func newLate(t *testing.T, form attest.Form) (*late, attest.Manifest) {
	t.Helper()
	r, m := fight(t, form, 0)
	gone := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v2/acme/app/manifests/"+r.tag, nil)
	answer := httptest.NewRecorder()
	if r.next.ServeHTTP(answer, gone); answer.Code != http.StatusAccepted {
		t.Fatalf("delete %s: %d", r.tag, answer.Code)
	}
	return &late{rival: r}, m
}

// another has the other run store its own.
func (l *late) another(req *http.Request) {
	theirs := httptest.NewRequestWithContext(req.Context(), http.MethodPut, "/v2/acme/app/manifests/"+l.tag, strings.NewReader(l.theirs))
	theirs.Header.Set("Content-Type", l.mediaType)
	l.next.ServeHTTP(httptest.NewRecorder(), theirs)
}

// TestNothingStale: what was merged before another run has stored its own is not written after
// that, whatever has held us up.
//
// faults: F46
func TestNothingStale(t *testing.T) {
	t.Parallel()
	for form, name := range map[attest.Form]string{attest.FormBundle: "fallback", attest.FormAtt: "att", attest.FormSig: "sig"} {
		for why, build := range map[string]func(l *late){
			"busy": func(l *late) {
				l.do = func(w http.ResponseWriter, req *http.Request) {
					l.another(req)
					http.Error(w, "busy", http.StatusServiceUnavailable)
				}
			},
			"403 of ghcr.io": func(l *late) {
				l.do = func(w http.ResponseWriter, req *http.Request) {
					l.another(req)
					refuse(w, http.StatusForbidden, "DENIED", "permission_denied: unable to connect to authzd")
				}
			},
			"answer lost": func(l *late) {
				l.do = func(w http.ResponseWriter, req *http.Request) {
					l.next.ServeHTTP(httptest.NewRecorder(), req)
					l.another(req)
					http.Error(w, "lost", http.StatusBadGateway)
				}
			},
		} {
			t.Run(name+", "+why, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l, m := newLate(t, form)
					l.when = func(req *http.Request) bool { return is(req, http.MethodPut, l.tag) }
					build(l)
					attachments := everyForm(m)
					if err := client(retrying(inProcess{l})).Attach(t.Context(), m.Ref.Context(), attachments); err != nil {
						t.Fatal(err)
					}
					bothStay(t, inProcess{l.next}, m, attachments)
				})
			})
		}
	}
}

// TestNothingStaleAfterSlowUpload: blobs that take long to store are stored before the tag is read
// for the last time.
//
// faults: F46
func TestNothingStaleAfterSlowUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m := newLate(t, attest.FormSig)
		l.when = func(req *http.Request) bool {
			return req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/blobs/")
		}
		l.do = func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(5 * time.Second)
			l.another(req)
			l.next.ServeHTTP(w, req)
		}
		if err := client(inProcess{l}).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{tagged(m, "c2ln")}); err != nil {
			t.Fatal(err)
		}
		found, err := client(inProcess{l.next}).Find(t.Context(), m, []attest.Form{attest.FormSig})
		if err != nil || len(found) != 2 {
			t.Errorf("%d signatures, %v", len(found), err)
		}
	})
}
