package registry_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// legs are registries with and without the referrers API.
var legs = map[string]bool{"referrers API": true, "fallback tag": false}

func TestAttach(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{memory(api)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				planned := everyForm(m)
				attach(t, network, planned...)

				for i, file := range []string{"referrer-sbom", "tag-att", "referrer-document", "tag-sbom", "tag-sig", "referrer-signature"} {
					a := planned[i]
					raw := get(t, network, a.Manifest.Ref.DigestStr())
					golden.Compare(t, file+".json", raw)
					if got := a.Manifest; got.Size != int64(len(raw)) || got.MediaType != "application/vnd.oci.image.manifest.v1+json" {
						t.Errorf("%s has the manifest %v, stored are %d bytes", file, got, len(raw))
					}
					if a.State != attest.New {
						t.Errorf("%s is %s", file, a.State)
					}
				}
				if !api {
					golden.Compare(t, "fallback-index.json", get(t, network, fallbackTag(m)))
				}
				for i, suffix := range map[int]string{1: ".att", 3: ".sbom", 4: ".sig"} {
					if diff := cmp.Diff(get(t, network, planned[i].Manifest.Ref.DigestStr()), get(t, network, fallbackTag(m)+suffix)); diff != "" {
						t.Errorf("%s is something else (-want +got):\n%s", suffix, diff)
					}
				}
				listed(t, network, m, planned)
			})
		})
	}
}

// listed checks what another reader finds.
func listed(t *testing.T, network http.RoundTripper, m attest.Manifest, attachments []*attest.Attachment) {
	t.Helper()
	found, err := remote.Referrers(m.Ref, remote.WithTransport(network), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := found.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, d := range list.Manifests {
		got = append(got, fmt.Sprintf("%s %d %s %v", d.Digest, d.Size, d.MediaType, d.Annotations))
	}
	for _, a := range attachments {
		if a.Form.IsTag() {
			continue
		}
		annotations := map[string]string{}
		if a.Bundle != nil {
			annotations = bundleAnnotations(a)
		}
		want = append(want, fmt.Sprintf("%s %d %s %v", a.Manifest.Ref.DigestStr(), a.Manifest.Size, a.Manifest.MediaType, annotations))
	}
	slices.Sort(got) // the registry in memory lists in no order
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
}

func bundleAnnotations(a *attest.Attachment) map[string]string {
	return map[string]string{
		"dev.sigstore.bundle.content":       "dsse-envelope",
		"dev.sigstore.bundle.predicateType": a.Bundle.Statement.PredicateType,
		"org.opencontainers.image.created":  "2026-09-01T12:30:00Z",
	}
}

// An index is not signed where that of its platform could not be stored.
func TestAttachIndexAfterItsPlatforms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(true)}
		idx := push(t, network, repository+":v1", index(entry(t, "linux/amd64"), entry(t, "linux/arm64")))
		platform := push(t, network, repository+":amd64", image(t, "linux/amd64", "linux/amd64"))
		full := inProcess{before(network.handler, func(w http.ResponseWriter, req *http.Request) bool {
			if !is(req, http.MethodPut, fallbackTag(platform)+".sig") {
				return false
			}
			refuse(w, http.StatusForbidden, "DENIED", "the tag is immutable")
			return true
		})}
		planned := []*attest.Attachment{tagged(platform, "c2lnbmF0dXJl"), tagged(idx, "c2lnbmF0dXJl")}
		err := client(full).Attach(t.Context(), idx.Ref.Context(), planned)
		if problem.From(err).Code != problem.TagsRefused {
			t.Errorf("it ended with %v", err)
		}
		if diff := cmp.Diff([]string{"sig: planned", "sig: planned"}, states(planned)); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

// Nothing can be seen before everything is there that can be: the blobs and manifests of
// all digests, then one index for each, then cosign's tags. The signature comes after the SBOM, and what
// is about the index after the same about its platform, as manifests and as tags.
func TestAttachOrder(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(memory(api))
				network := inProcess{requests}
				idx := push(t, network, repository+":v1", index(entry(t, "linux/amd64"), entry(t, "linux/arm64")))
				platform := push(t, network, repository+":amd64", image(t, "linux/amd64", "linux/amd64"))
				requests.forget()
				planned := append(everyForm(platform), everyForm(idx)...)
				attach(t, network, planned...)

				names := []string{fallbackTag(platform), "platform", fallbackTag(idx), "index"}
				for i, a := range planned {
					names = append(names, a.Manifest.Ref.DigestStr(), fmt.Sprintf("%d %s", i, a.Form))
				}
				want := []string{"blobs", "0 bundle", "2 referrer", "5 bundle", "6 bundle", "8 referrer", "11 bundle"}
				if !api {
					want = append(want, "platform", "index")
				}
				want = append(want, "index.sbom", "platform.sbom", "index.att", "platform.att", "platform.sig", "index.sig")
				got := requests.writes(names...)
				rest := slices.DeleteFunc(got[1:], func(w string) bool { return w == "blobs" }) // of the tags
				got = append(got[:1], rest...)
				slices.Sort(got[1:3]) // what is written side by side, as what follows
				slices.Sort(got[3:6])
				for i := range got {
					if i > 0 && path.Ext(got[i]) != ".sig" && path.Ext(got[i]) != "" && path.Ext(got[i]) == path.Ext(got[i-1]) {
						slices.Sort(got[i-1 : i+1])
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("writes (-want +got):\n%s", diff)
				}
				uploads := map[string]int{}
				for _, req := range requests.requests {
					if is(req, http.MethodPut, "") && req.URL.Query().Has("digest") {
						uploads[req.URL.Query().Get("digest")]++
					}
				}
				for digest, times := range uploads {
					if times != 1 {
						t.Errorf("the blob %s was uploaded %d times, want once", digest, times)
					}
				}
			})
		})
	}
}

// The same once more changes nothing, also for another run: what is repeated converges.
func TestAttachAgain(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(memory(api))
				network := inProcess{requests}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				first := everyForm(m)
				attach(t, network, first...)
				requests.forget()
				second := everyForm(m)
				attach(t, network, second...)
				for i, a := range second {
					if a.State != attest.Existing || a.Manifest != first[i].Manifest {
						t.Errorf("%s is %s at %v, want existing at %v", a.Form, a.State, a.Manifest, first[i].Manifest)
					}
				}
				for _, req := range requests.requests {
					if isWrite(req) {
						t.Errorf("%s %s", req.Method, req.URL)
					}
				}

				third := append(everyForm(m), tagged(m, "YW5vdGhlcg=="))
				third[0].Bundle.JSON = []byte(`{"bundle":"another"}`)
				attach(t, network, third...)
				want := []string{"bundle: new", "att: existing", "referrer: existing", "tag: existing", "sig: existing", "bundle: existing", "sig: new"}
				if diff := cmp.Diff(want, states(third)); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				if third[4].Manifest != third[6].Manifest {
					t.Errorf("two signatures under one tag are in %v and %v", third[4].Manifest, third[6].Manifest)
				}
			})
		})
	}
}

// What Find has listed is not asked for again, and counts as it was listed: with the
// documents, that Find leaves out.
func TestAttachAfterFind(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := record(memory(api))
				network := inProcess{requests}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				attach(t, network, document(m, attest.FormReferrer), signature(m))
				requests.forget()
				cl := client(network)
				if _, err := cl.Find(t.Context(), m, []attest.Form{attest.FormBundle}); err != nil {
					t.Fatal(err)
				}
				planned := []*attest.Attachment{attested(m, attest.FormBundle), document(m, attest.FormReferrer)}
				if err := cl.Attach(t.Context(), m.Ref.Context(), planned); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"bundle: new", "referrer: existing"}, states(planned)); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				if got := len(requests.seen(http.MethodGet, "/referrers/")); got != 1 {
					t.Errorf("the referrers were listed %d times, want once", got)
				}
				if got := len(requests.seen(http.MethodPut, "/manifests/"+planned[1].Manifest.Ref.DigestStr())); got != 0 {
					t.Errorf("the document was written %d times, and is there", got)
				}
			})
		})
	}
}

// A manifest that somebody has cleaned away, and the index still lists, is stored again.
func TestAttachAgainAfterCleanup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(false)}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		first := document(m, attest.FormReferrer)
		attach(t, network, first)
		if err := remote.Delete(first.Manifest.Ref, remote.WithTransport(network), remote.WithContext(t.Context())); err != nil {
			t.Fatal(err)
		}
		second := document(m, attest.FormReferrer)
		attach(t, network, second)
		if _, err := readBack(t, network, second); err != nil {
			t.Error(err)
		}
	})
}
