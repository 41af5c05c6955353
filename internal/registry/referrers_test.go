package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/attest"
)

// quirk answers requests for referrers.
func quirk(next http.Handler, answer http.HandlerFunc) http.Handler {
	return before(next, func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/referrers/") {
			return false
		}
		answer(w, req)
		return true
	})
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// Registries without the referrers API have many ways to say so, and all of them lead to
// the index under the fallback tag.
//
// faults: F43
func TestWithoutReferrersAPI(t *testing.T) {
	t.Parallel()
	quirks := map[string]http.HandlerFunc{
		"303 of GHCR": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/-"+req.URL.Path, http.StatusSeeOther)
		},
		"redirect to a login": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "https://login.example.com/", http.StatusFound)
		},
		"a page for people": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<h1>Welcome</h1>")
		},
		"JSON of another type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{}")
		},
	}
	for _, code := range []int{400, 403, 404, 405, 406, 410, 429, 501} {
		quirks[fmt.Sprint(code)] = status(code)
	}
	for name, answer := range quirks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(quirk(memory(true), answer))
				network := retrying(inProcess{requests})
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				requests.forget()
				planned := bundles(m)
				attach(t, network, planned...)
				if got := len(entries(t, get(t, network, fallbackTag(m)))); got != 2 {
					t.Errorf("%d entries in the index, want 2", got)
				}
				if got, err := readBack(t, network, planned...); err != nil {
					t.Errorf("read back: %v, %v", got, err)
				}
				if diff := cmp.Diff([]string{"bundle: new", "bundle: new"}, states(planned)); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				for _, req := range requests.requests {
					if req.Host != host || strings.HasPrefix(req.URL.Path, "/-") {
						t.Errorf("the redirect was followed to %s%s", req.Host, req.URL.Path)
					}
				}
			})
		})
	}
}

// The header OCI-Subject without the API says nothing.
//
// faults: F44
func TestSubjectHeaderWithoutAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory(false)
		network := inProcess{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if is(req, http.MethodPut, "") && strings.Contains(req.URL.Path, "/manifests/sha256:") {
				w.Header().Set("OCI-Subject", "sha256:"+strings.Repeat("0", 64))
			}
			inner.ServeHTTP(w, req)
		})}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		attach(t, network, bundles(m)...)
		if got := len(entries(t, get(t, network, fallbackTag(m)))); got != 2 {
			t.Errorf("%d entries in the index, want 2", got)
		}
	})
}

// What does not say that there is no API is no leave to write elsewhere.
//
// faults: F43
func TestReferrersAPIFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		golden string
	}{
		"500": {500, "list-failed-500"},
		"503": {503, "list-failed-503"},
		"401": {401, "login-wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(quirk(memory(true), status(c.status)))
				network := retrying(inProcess{requests})
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				requests.forget()
				err := loggedIn(network).Attach(t.Context(), m.Ref.Context(), bundles(m))
				goldenProblem(t, c.golden, err)
				if got := requests.writes(); len(got) > 0 {
					t.Errorf("written were %v", got)
				}
			})
		})
	}
}

// A registry that has answered once has the API; that it is too busy later does not mean
// that nothing is there.
//
// faults: F43
func TestReferrersAPIBusy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		find   string // golden; empty: nothing is found
	}{
		"429": {429, "unavailable-429"},
		"403": {403, "denied-read"},
		"404": {404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				busy := false
				inner := memory(true)
				network := retrying(inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					fails := busy && strings.Contains(req.URL.Path, "/referrers/")
					if fails {
						w.WriteHeader(c.status)
					}
					return fails
				})})
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				planned := bundles(m)
				cl := loggedIn(network)
				if err := cl.Attach(t.Context(), m.Ref.Context(), planned); err != nil {
					t.Fatal(err)
				}
				busy = true
				found, err := cl.Find(t.Context(), m, []attest.Form{attest.FormBundle})
				if c.find == "" {
					if err != nil || len(found) > 0 {
						t.Errorf("found %v, %v", found, err)
					}
				} else {
					goldenProblem(t, c.find, err)
				}
				if got := get(t, network, fallbackTag(m)); got != nil {
					t.Errorf("a fallback tag was written: %s", got)
				}
			})
		})
	}
}

// pages lists the referrers one by one.
func pages(next http.Handler, link string) http.Handler {
	return quirk(next, func(w http.ResponseWriter, req *http.Request) {
		all := httptest.NewRecorder()
		next.ServeHTTP(all, req)
		var index v1.IndexManifest
		if err := json.NewDecoder(bytes.NewReader(all.Body.Bytes())).Decode(&index); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		var n int
		_, _ = fmt.Sscan(req.URL.Query().Get("n"), &n) // 0 on the first page
		byDigest(index.Manifests)
		if n+1 < len(index.Manifests) {
			w.Header().Set("Link", fmt.Sprintf(link, req.URL.Path, n+1))
		}
		index.Manifests = index.Manifests[n : n+1]
		w.Header().Set("Content-Type", ociIndex)
		_ = json.NewEncoder(w).Encode(index)
	})
}

func TestReferrersPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		link  string
		found int
	}{
		"path":                   {`<%s?n=%d>; rel="next"`, 3},
		"absolute, unquoted":     {`<https://` + host + `%s?n=%d>;rel=next`, 3},
		"by the name of a proxy": {`<https://elsewhere.example.com%s?n=%d>; rel="next"`, 3}, // and nothing is asked there
		"another relationship":   {`<%s?n=%d>; rel="prev"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := memory(true)
			m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
			for i := range 3 {
				store(t, inProcess{inner}, m, bundleType, fmt.Sprint("bundle ", i))
			}
			if got := find(t, inProcess{pages(inner, c.link)}, m, attest.FormBundle); len(got) != c.found {
				t.Errorf("found %v, want %d", got, c.found)
			}
		})
	}
}

// A list without end is none.
func TestReferrersWithoutEnd(t *testing.T) {
	t.Parallel()
	inner := memory(true)
	requests := record(quirk(inner, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Link", `<`+req.URL.Path+`?again>; rel="next"`)
		w.Header().Set("Content-Type", ociIndex)
		fmt.Fprint(w, `{"manifests":[]}`)
	}))
	m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
	_, err := client(inProcess{requests}).Find(t.Context(), m, []attest.Form{attest.FormBundle})
	goldenProblem(t, "find-without-end", err)
	if got := len(requests.seen(http.MethodGet, "/referrers/")); got != 100 {
		t.Errorf("%d pages were read, want 100", got)
	}
}

// GitLab's registry serves the image itself under the fallback tag, whatever is written.
// https://github.com/oras-project/oras-go/issues/1396
func gitLab(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if start, tag, ok := strings.Cut(req.URL.Path, "/manifests/sha256-"); ok && !isWrite(req) && !strings.Contains(tag, ".") {
			req.URL.Path = start + "/manifests/sha256:" + tag
		}
		next.ServeHTTP(w, req)
	})
}

func TestGitLab(t *testing.T) {
	t.Parallel()
	for name, pushed := range map[string]remote.Taggable{
		"image": image(t, "linux/amd64", "x"),
		"index": index(entry(t, "linux/amd64")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(gitLab(memory(false)))
				network := inProcess{requests}
				m := push(t, network, repository+":v1", pushed)
				requests.forget()
				_, err := client(network).Find(t.Context(), m, []attest.Form{attest.FormBundle})
				goldenProblem(t, "gitlab-"+name, err)
				planned := bundles(m)
				err = client(network).Attach(t.Context(), m.Ref.Context(), planned)
				goldenProblem(t, "gitlab-"+name, err)
				located(t, planned)
				if got := requests.writes(); len(got) > 0 {
					t.Errorf("written were %v", got)
				}

				// cosign's own tags work there.
				legacy := []*attest.Attachment{attested(m, attest.FormAtt), tagged(m, "c2ln")}
				attach(t, network, legacy...)
				if _, err := readBack(t, network, legacy...); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
