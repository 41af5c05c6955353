package registry_test

import (
	"bytes"
	"encoding/json"
	"net/http"
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
	synctest.Test(t, fallbackKeepsForeignEntries)
}

func fallbackKeepsForeignEntries(t *testing.T) {
	requests := record(memory(false))
	network := inProcess{requests}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	put(t, network, fallbackTag(m), ociIndex, []byte(foreign))

	attached := append(bundles(m), document(m, attest.FormReferrer))
	attach(t, network, attached...)
	raw := get(t, network, fallbackTag(m))
	if !bytes.Contains(raw, []byte(foreignEntry)) {
		t.Errorf("the foreign entry is not kept byte for byte:\n%s", raw)
	}
	if !bytes.Contains(raw, []byte(`{"kept": "<as it is>"}`)) {
		t.Errorf("the annotations of the index are not kept:\n%s", raw)
	}
	all := entries(t, raw)
	if len(all) != 4 {
		t.Fatalf("%d entries, want 4:\n%s", len(all), raw)
	}
	for i, a := range attached {
		var got v1.Descriptor
		if err := json.Unmarshal(all[i+1], &got); err != nil {
			t.Fatal(err)
		}
		want := v1.Descriptor{
			MediaType: a.Manifest.MediaType, Digest: a.Manifest.Digest(), Size: a.Manifest.Size,
			ArtifactType: "application/spdx+json",
		}
		if a.Bundle != nil {
			want.ArtifactType, want.Annotations = "application/vnd.dev.sigstore.bundle.v0.3+json", bundleAnnotations(a)
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
//
// faults: F45
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
			network := inProcess{requests}
			subject := idx
			if c.bare {
				subject = bare
			}
			m := push(t, network, repository+":v1", subject)
			mediaType, body := c.serves(t, network, m)
			put(t, network, fallbackTag(m), mediaType, body)
			before := len(requests.seen(http.MethodPut, fallbackTag(m)))

			file := "foreign-tag"
			if c.bare {
				file = "foreign-tag-bare"
			}
			attachments := bundles(m)
			goldenProblem(t, file, client(network).Attach(t.Context(), m.Ref.Context(), attachments))
			if diff := cmp.Diff([]string{"bundle: planned", "bundle: planned"}, states(attachments)); diff != "" {
				t.Errorf("nobody can find them (-want +got):\n%s", diff)
			}
			_, err := client(network).Find(t.Context(), m, []attest.Form{attest.FormBundle})
			goldenProblem(t, file, err)
			if got := get(t, network, fallbackTag(m)); !bytes.Equal(got, body) {
				t.Errorf("the tag was changed to\n%s", got)
			}
			if got := len(requests.seen(http.MethodPut, fallbackTag(m))); got != before {
				t.Errorf("the tag was written %d times", got-before)
			}
		})
	}
}
