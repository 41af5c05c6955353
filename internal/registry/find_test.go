package registry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

const bundleType = attest.BundleMediaType

// store writes a referrer of m with these layers, as another tool does it, and returns
// what a list has for it.
func store(t *testing.T, network http.RoundTripper, m attest.Manifest, artifactType string, contents ...string) v1.Descriptor {
	t.Helper()
	manifest := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactType,
		Config:  v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Size: 2, Digest: digestOf("{}")},
		Subject: &v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest(), Size: m.Size},
	}
	for _, content := range append(contents, "{}") {
		layer := static.NewLayer([]byte(content), types.MediaType(artifactType))
		if err := remote.WriteLayer(m.Ref.Context(), layer, remote.WithTransport(network), remote.WithContext(t.Context())); err != nil {
			t.Fatal(err)
		}
		manifest.Layers = append(manifest.Layers, v1.Descriptor{
			MediaType: types.MediaType(artifactType), Size: int64(len(content)), Digest: digestOf(content),
		})
	}
	manifest.Layers = manifest.Layers[:len(contents)] // the last was the config
	raw, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	digest := digestOf(string(raw))
	put(t, network, digest.String(), ociManifest, raw)
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, ArtifactType: artifactType, Digest: digest, Size: int64(len(raw))}
}

// list writes the fallback index.
func list(t *testing.T, network http.RoundTripper, m attest.Manifest, entries ...v1.Descriptor) {
	t.Helper()
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: entries})
	if err != nil {
		t.Fatal(err)
	}
	put(t, network, fallbackTag(m), ociIndex, raw)
}

func digestOf(content string) v1.Hash {
	digest, _, _ := v1.SHA256(strings.NewReader(content)) // of a string, which cannot fail
	return digest
}

// find returns what is found, by its content.
func find(t *testing.T, network http.RoundTripper, m attest.Manifest, forms ...attest.Form) (out []string) {
	t.Helper()
	found, err := client(network).Find(t.Context(), m, forms)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range found {
		if s.Manifest.Size == 0 || s.Manifest.Ref.Context() != m.Ref.Context() {
			t.Errorf("%s has the manifest %v", s.Form, s.Manifest)
		}
		out = append(out, string(s.Form)+" "+string(s.Content)+string(s.Layer.Content)+s.Layer.Signature)
	}
	return out
}

// What Attach has stored comes back byte for byte.
func TestFind(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{memory(api)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				planned := everyForm(m)
				attach(t, network, planned...)
				got, err := client(network).Find(t.Context(), m, []attest.Form{attest.FormSig, attest.FormAtt, attest.FormBundle})
				if err != nil {
					t.Fatal(err)
				}
				want := []attest.Stored{
					{Form: attest.FormSig, Manifest: planned[4].Manifest, Layer: planned[4].Bundle.Layer},
					{Form: attest.FormAtt, Manifest: planned[1].Manifest, Layer: planned[1].Bundle.Layer},
					{Form: attest.FormBundle, Manifest: planned[0].Manifest, Content: planned[0].Bundle.JSON},
					{Form: attest.FormBundle, Manifest: planned[5].Manifest, Content: planned[5].Bundle.JSON},
				}
				if api { // this registry says nothing of artifact types, and lists in no order
					want = append(want, attest.Stored{Form: attest.FormBundle, Manifest: planned[2].Manifest, Content: planned[2].Document.Bytes})
					sortStored(got[2:])
					sortStored(want[2:])
				}
				if diff := cmp.Diff(want, got, references); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func sortStored(s []attest.Stored) {
	slices.SortFunc(s, func(a, b attest.Stored) int { return strings.Compare(string(a.Content), string(b.Content)) })
}

// Other referrers are not even read, if the list tells what they are.
func TestFindAmongOthers(t *testing.T) {
	t.Parallel()
	requests := record(memory(false))
	network := inProcess{requests}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	document := store(t, network, m, "application/spdx+json", "document")
	notation := store(t, network, m, "application/vnd.cncf.notary.signature", "notation")
	first := store(t, network, m, bundleType, "first bundle")
	two := store(t, network, m, bundleType, "one layer", "and another")
	none := store(t, network, m, bundleType)
	gone := store(t, network, m, bundleType, "deleted")
	lost := store(t, network, m, bundleType, "blob deleted")
	unknown := store(t, network, m, "application/x-unknown", "untyped")
	unknown.ArtifactType = "" // Azure's registry: https://github.com/Azure/acr/issues/784
	asConfig := store(t, network, m, "application/x-other", "typed by its config")
	asConfig.ArtifactType = "application/vnd.oci.empty.v1+json"
	last := store(t, network, m, bundleType, "last bundle")
	list(t, network, m, document, notation, first, two, none, gone, lost, unknown, asConfig, last)
	requests.forget()

	lossy := inProcess{before(requests, func(w http.ResponseWriter, req *http.Request) bool {
		missing := strings.HasSuffix(req.URL.Path, gone.Digest.String()) || strings.HasSuffix(req.URL.Path, digestOf("blob deleted").String())
		if missing {
			refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "not here")
		}
		return missing
	})}
	want := []string{"bundle first bundle", "bundle untyped", "bundle typed by its config", "bundle last bundle"}
	if diff := cmp.Diff(want, find(t, lossy, m, attest.FormBundle)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for _, d := range []v1.Descriptor{document, notation} {
		if got := requests.seen(http.MethodGet, d.Digest.String()); len(got) > 0 {
			t.Errorf("a referrer of %s was read", d.ArtifactType)
		}
	}
}

// Of many, the newest are looked at.
func TestFindNewest(t *testing.T) {
	t.Parallel()
	network := inProcess{memory(false)}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	var entries []v1.Descriptor
	for i := range 53 {
		entries = append(entries, store(t, network, m, bundleType, fmt.Sprint("bundle ", i)))
	}
	other := store(t, network, m, "application/spdx+json", "document")
	list(t, network, m, append(entries, other)...)
	manySignatures(t, network, fallbackTag(m)+".sig", 53)

	got := find(t, network, m, attest.FormBundle)
	if len(got) != 50 || got[0] != "bundle bundle 3" || got[49] != "bundle bundle 52" {
		t.Errorf("%d bundles, from %s to %s; want the last 50", len(got), got[0], got[len(got)-1])
	}
	got = find(t, network, m, attest.FormSig)
	if len(got) != 50 || !strings.HasSuffix(got[0], "signature 3") || !strings.HasSuffix(got[49], "signature 52") {
		t.Errorf("%d signatures, from %s to %s; want the last 50", len(got), got[0], got[len(got)-1])
	}
}

// Signatures of one digest have the same content, which is read once.
func TestFindReadsContentOnce(t *testing.T) {
	t.Parallel()
	requests := record(memory(false))
	network := inProcess{requests}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	push(t, network, repository+":"+fallbackTag(m)+".sig", foreignSignatures(t, 5))
	requests.forget()
	if got := find(t, network, m, attest.FormSig); len(got) != 5 {
		t.Errorf("found %v, want 5", got)
	}
	if got := requests.seen(http.MethodGet, "/blobs/"); len(got) != 1 {
		t.Errorf("read %v, want one blob", got)
	}
}

// A layer that the registry has lost hides no other.
func TestFindLostLayer(t *testing.T) {
	t.Parallel()
	inner := memory(false)
	network := inProcess{inner}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	img, err := mutate.AppendLayers(foreignSignatures(t, 2), static.NewLayer([]byte("kept"), types.OCIUncompressedLayer))
	if err != nil {
		t.Fatal(err)
	}
	push(t, network, repository+":"+fallbackTag(m)+".att", img)
	lossy := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
		lost := path.Base(req.URL.Path) == digestOf(`{"critical":"of somebody"}`).String()
		if lost {
			refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "not here")
		}
		return lost
	})}
	if diff := cmp.Diff([]string{"att kept"}, find(t, lossy, m, attest.FormAtt)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"404": http.StatusNotFound, "403 of JFrog": http.StatusForbidden, "401": http.StatusUnauthorized} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(false)
				m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
				var there atomic.Bool
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					refused := !there.Load() && !isWrite(req) && strings.Contains(req.URL.Path, "/manifests/sha256-")
					if refused {
						refuse(w, status, "NO", "not here")
					}
					if is(req, http.MethodPut, ".sig") {
						there.Store(true)
					}
					return refused
				})}
				if got := find(t, network, m, attest.FormBundle, attest.FormSig, attest.FormAtt); len(got) > 0 {
					t.Errorf("found %v", got)
				}
				attach(t, network, everyForm(m)...) // the write decides
			})
		})
	}
}

// Nothing is signed yet when Find fails, and its messages do not say so.
//
// faults: F66
func TestFindFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden string
		form   attest.Form
		part   string // of the path that fails
		answer func(http.ResponseWriter)
	}{
		"broken list":        {"find-broken-list", attest.FormBundle, "/referrers/", func(w http.ResponseWriter) { w.Header().Set("Content-Type", ociIndex); fmt.Fprint(w, "{") }},
		"list unavailable":   {"unavailable-503", attest.FormBundle, "/referrers/", func(w http.ResponseWriter) { w.WriteHeader(503) }},
		"login expired":      {"login-wrong", attest.FormBundle, "/referrers/", func(w http.ResponseWriter) { w.WriteHeader(401) }},
		"tag fails":          {"find-tag-400", attest.FormSig, ".sig", func(w http.ResponseWriter) { w.WriteHeader(400) }},
		"referrer forbidden": {"denied-read", attest.FormBundle, "/manifests/sha256:", func(w http.ResponseWriter) { w.WriteHeader(403) }},
		"other bytes":        {"find-other-bytes", attest.FormBundle, "/manifests/sha256:", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }},
		"no JSON":            {"find-no-json", attest.FormSig, ".sig", func(w http.ResponseWriter) { w.Header().Set("Content-Type", ociManifest); fmt.Fprint(w, "no") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory(true)
				m := push(t, inProcess{inner}, repository+":v1", image(t, "linux/amd64", "x"))
				attach(t, inProcess{inner}, bundles(m)[0], tagged(m, "c2ln"))
				network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
					if !strings.Contains(req.URL.Path, c.part) {
						return false
					}
					c.answer(w)
					return true
				})}
				_, err := loggedIn(retrying(network)).Find(t.Context(), m, []attest.Form{c.form})
				goldenProblem(t, c.golden, err)
			})
		})
	}
}

func byDigest(list []v1.Descriptor) {
	slices.SortFunc(list, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
}
