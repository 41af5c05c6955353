package registry_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// TestLate: an image that was pushed a moment ago is waited for, for long where its digest says
// that there is one.
//
// faults: F37
func TestLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late     time.Duration
		tag      bool // alone
		digest   bool // with the tag
		found    bool
		at, most time.Duration
	}{
		"digest, 20 s":         {late: 20 * time.Second, found: true, at: 20 * time.Second, most: 31 * time.Second},
		"tag, digest known":    {late: 20 * time.Second, tag: true, digest: true, found: true, at: 20 * time.Second, most: 31 * time.Second},
		"tag, 2 s":             {late: 2 * time.Second, tag: true, found: true, at: 2 * time.Second, most: 4 * time.Second},
		"tag, 20 s":            {late: 20 * time.Second, tag: true, most: 4 * time.Second},
		"digest, an hour late": {late: time.Hour, most: 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(false)
				start := time.Now()
				pushed := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					absent := strings.Contains(req.URL.Path, "/manifests/") && time.Since(start) < c.late
					if absent {
						refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "not here")
					}
					return absent
				})}
				ref, expected := pushed.Ref.String(), v1.Hash{}
				if c.tag {
					ref = repository + ":v1"
				}
				if c.digest {
					expected = pushed.Digest()
				}
				_, err := client(network).Resolve(t.Context(), reference(t, ref), expected, nil)
				took := time.Since(start)
				if (err == nil) != c.found || took < c.at || took > c.most {
					t.Errorf("error %v after %s", err, took)
				}
				if !c.found && problem.From(err).Code != problem.ImageNotFound {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// spoiled answers the first times requests that have the method and a part of the path with
// answer, and leaves the rest to a registry.
func spoiled(times int, method, part string, answer http.HandlerFunc) http.Handler {
	var mu sync.Mutex
	return before(memory(true), func(w http.ResponseWriter, req *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if req.Method != method || !strings.Contains(req.URL.Path, part) || times == 0 {
			return false
		}
		times--
		answer(w, req)
		return true
	})
}

// TestPassing: what registries get wrong for a moment hinders nothing.
//
// faults: F34 F40 F41 F42
func TestPassing(t *testing.T) {
	t.Parallel()
	authzd := func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "DENIED", "permission_denied: unable to connect to authzd")
	}
	internal := func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusInternalServerError, "INTERNAL_ERROR", "oops")
	}
	for name, server := range map[string]http.Handler{
		"403 of ghcr.io":            spoiled(3, http.MethodPut, "/manifests/", authzd),
		"403 of ghcr.io, handshake": spoiled(1, http.MethodGet, "/v2/", authzd),
		"500 of a manifest":         spoiled(2, http.MethodPut, "/manifests/", internal),
		"429 of an upload": spoiled(2, http.MethodPost, "/blobs/uploads/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3")
			refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "slow down")
		}),
		"upload lost": spoiled(2, http.MethodPut, "/blobs/uploads/", func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "upload unknown")
		}),
		"upload of another size": spoiled(1, http.MethodPut, "/blobs/uploads/", func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "range")
		}),
		"upload invalid": spoiled(1, http.MethodPut, "/blobs/uploads/", func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "upload invalid")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := push(t, inProcess{memory(true)}, repository+":v1", image(t, "linux/amd64", "x"))
				a := signature(m)
				attach(t, retrying(inProcess{server}), a)
				if a.State != attest.New {
					t.Errorf("the signature is %s", a.State)
				}
			})
		})
	}
}

// TestUploadIsNotTriedForEver: a registry that loses each upload is told so.
func TestUploadIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := push(t, inProcess{memory(true)}, repository+":v1", image(t, "linux/amd64", "x"))
		requests := record(spoiled(99, http.MethodPut, "/blobs/uploads/", func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "upload unknown")
		}))
		err := client(retrying(inProcess{requests})).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{signature(m)})
		// three times each of the bundle and the empty config
		if err == nil || len(requests.seen(http.MethodPut, "/blobs/uploads/")) != 6 {
			t.Errorf("%d uploads, error %v", len(requests.seen(http.MethodPut, "/blobs/uploads/")), err)
		}
	})
}

// TestBodyOfRefusal: an answer that was looked into can be read as before.
func TestBodyOfRefusal(t *testing.T) {
	t.Parallel()
	network := inProcess{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v2/" {
			refuse(w, http.StatusForbidden, "DENIED", "installation not allowed to Write organization package")
		}
	})}
	err := client(network).CheckPush(t.Context(), reference(t, repository).Context())
	if err == nil || !strings.Contains(problem.From(err).Err.Error(), "installation not allowed") {
		t.Errorf("error %v", err)
	}
}
