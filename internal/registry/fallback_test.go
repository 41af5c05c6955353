package registry_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"seal-image/internal/attest"
)

const ociIndex = "application/vnd.oci.image.index.v1+json"

// foreignEntry is as another tool wrote it: with white space, fields that we do not know,
// and characters that encoding/json would escape.
const foreignEntry = `{ "mediaType" : "application/vnd.example+json",
    "x-unknown":{"b":1,  "a":[ 1.0 ]},	"size":7,"annotations":{"who":"<you> & me"},
  "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`

const foreign = `{
  "annotations" : {"kept": "<as it is>"},
  "schemaVersion": 2,
  "manifests": [ ` + foreignEntry + ` ],
  "mediaType": "` + ociIndex + `"
}`

func fallbackTag(m attest.Manifest) string {
	return strings.Replace(m.Ref.DigestStr(), ":", "-", 1)
}

// entries are those of an index, as bytes.
func entries(t *testing.T, raw []byte) (out []json.RawMessage) {
	t.Helper()
	var index struct {
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return index.Manifests
}

func TestFallbackKeepsForeignEntries(t *testing.T) {
	t.Parallel()
	requests := record(memory(false))
	network := serve(t, requests)
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	put(t, network, fallbackTag(m), ociIndex, []byte(foreign))

	attached, err := client(network).Attach(t.Context(), m, bundles(m))
	if err != nil {
		t.Fatal(err)
	}
	raw := get(t, network, fallbackTag(m))
	if !bytes.Contains(raw, []byte(foreignEntry)) {
		t.Errorf("the foreign entry is not kept byte for byte:\n%s", raw)
	}
	if !bytes.Contains(raw, []byte(`{"kept": "<as it is>"}`)) {
		t.Errorf("the annotations of the index are not kept:\n%s", raw)
	}
	all := entries(t, raw)
	if len(all) != 3 {
		t.Fatalf("%d entries, want 3:\n%s", len(all), raw)
	}
	for i, a := range attached {
		var got v1.Descriptor
		if err := json.Unmarshal(all[i+1], &got); err != nil {
			t.Fatal(err)
		}
		want := v1.Descriptor{
			MediaType: a.Manifest.MediaType, Digest: a.Manifest.Digest(), Size: a.Manifest.Size,
			ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
			Annotations: map[string]string{
				"dev.sigstore.bundle.content":       "dsse-envelope",
				"dev.sigstore.bundle.predicateType": a.Bundle.Statement.PredicateType,
				"org.opencontainers.image.created":  "2026-09-01T12:30:00Z",
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i+1, diff)
		}
	}
	if got := len(requests.seen(http.MethodPut, fallbackTag(m))); got != 2 { // the test's own and ours
		t.Errorf("the index was written %d times, want once by us", got-1)
	}
}

// What is not a list of referrers is somebody's and stays as it is.
func TestFallbackRefusesForeignTag(t *testing.T) {
	t.Parallel()
	idx := index(entry(t, "linux/amd64"), entry(t, "linux/arm64"))
	plain := index(attestation(t))
	bare := index(mutate.IndexAddendum{Add: image(t, "linux/amd64", "bare")}) // no platform in it
	for name, c := range map[string]struct {
		bare   bool
		serves func(t *testing.T, network http.RoundTripper, m attest.Manifest) (mediaType string, body []byte)
	}{
		"the image itself without platforms": {bare: true, serves: func(t *testing.T, network http.RoundTripper, m attest.Manifest) (string, []byte) {
			return string(m.MediaType), get(t, network, m.Ref.DigestStr())
		}},
		"the image itself": {serves: func(t *testing.T, network http.RoundTripper, m attest.Manifest) (string, []byte) {
			return string(m.MediaType), get(t, network, m.Ref.DigestStr())
		}},
		"another image index": {serves: func(t *testing.T, network http.RoundTripper, _ attest.Manifest) (string, []byte) {
			other := push(t, network, repository+":other", plain)
			return ociIndex, get(t, network, other.Ref.DigestStr())
		}},
		"not an index": {serves: func(t *testing.T, network http.RoundTripper, _ attest.Manifest) (string, []byte) {
			other := push(t, network, repository+":other", image(t, "linux/amd64", "other"))
			return string(other.MediaType), get(t, network, other.Ref.DigestStr())
		}},
		"not JSON": {serves: func(*testing.T, http.RoundTripper, attest.Manifest) (string, []byte) {
			return "text/plain", []byte("no")
		}},
		"index without list": {serves: func(*testing.T, http.RoundTripper, attest.Manifest) (string, []byte) {
			return ociIndex, []byte(`{"schemaVersion":2}`)
		}},
		"list of other things": {serves: func(*testing.T, http.RoundTripper, attest.Manifest) (string, []byte) {
			return "application/json", []byte(foreign)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := record(memory(false))
			network := serve(t, requests)
			subject := idx
			if c.bare {
				subject = bare
			}
			m := push(t, network, repository+":v1", subject)
			mediaType, body := c.serves(t, network, m)
			put(t, network, fallbackTag(m), mediaType, body)
			before := len(requests.seen(http.MethodPut, fallbackTag(m)))

			attached, err := client(network).Attach(t.Context(), m, bundles(m))
			if c.bare {
				goldenProblem(t, "foreign-tag-bare", err)
			} else {
				goldenProblem(t, "foreign-tag", err)
			}
			if len(attached) > 0 {
				t.Errorf("attachments %v, but nobody can find them", attached)
			}
			if got := get(t, network, fallbackTag(m)); !bytes.Equal(got, body) {
				t.Errorf("the tag was changed to\n%s", got)
			}
			if got := len(requests.seen(http.MethodPut, fallbackTag(m))); got != before {
				t.Errorf("the tag was written %d times", got-before)
			}
		})
	}
}

// rival overwrites the index after each of the first n writes of it, as a writer does that
// had read it before.
type rival struct {
	next   http.Handler
	n      int
	writes int
}

func (r *rival) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.next.ServeHTTP(w, req)
	if req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/sha256-") {
		return
	}
	r.writes++
	if r.writes > r.n {
		return
	}
	theirs := httptest.NewRequestWithContext(req.Context(), http.MethodPut, req.URL.Path, strings.NewReader(foreign))
	theirs.Header.Set("Content-Type", ociIndex)
	r.next.ServeHTTP(httptest.NewRecorder(), theirs)
}

func TestFallbackConcurrentWriter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		overwritten int
		writes      int
		golden      string
	}{
		"alone":             {overwritten: 0, writes: 1},
		"overwritten once":  {overwritten: 1, writes: 2},
		"overwritten often": {overwritten: 8, writes: 9},
		"without end":       {overwritten: 1000, writes: 10, golden: "fallback-lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				registry := &rival{next: memory(false), n: c.overwritten}
				network := inProcess{registry}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				attached, err := client(network).Attach(t.Context(), m, bundles(m))
				if registry.writes != c.writes {
					t.Errorf("the index was written %d times, want %d", registry.writes, c.writes)
				}
				if c.golden != "" {
					goldenProblem(t, c.golden, err)
					if len(attached) > 0 {
						t.Errorf("attachments %v, but nobody can find them", attached)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				raw := get(t, network, fallbackTag(m))
				want := 2
				if c.overwritten > 0 {
					want = 3 // the rival's entry survives too
				}
				if got := len(entries(t, raw)); got != want {
					t.Errorf("%d entries, want %d:\n%s", got, want, raw)
				}
			})
		})
	}
}
