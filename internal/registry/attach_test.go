package registry_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/registry"
	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

// legs are registries with and without the referrers API.
var legs = map[string]bool{"referrers API": true, "fallback tag": false}

func TestAttach(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := record(memory(api))
			network := serve(t, requests)
			m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
			tag := strings.Replace(m.Ref.DigestStr(), ":", "-", 1)

			attached, err := client(network).Attach(t.Context(), m, bundles(m))
			if err != nil {
				t.Fatal(err)
			}
			if len(attached) != 2 || !attached[1].Bundle.Statement.IsSignature() {
				t.Fatalf("attachments: %v, want SBOM attestation and signature", attached)
			}
			for i, file := range []string{"referrer-sbom.json", "referrer-signature.json"} {
				raw := get(t, network, attached[i].Manifest.Ref.DigestStr())
				golden.Compare(t, file, raw)
				if got := attached[i].Manifest; got.Size != int64(len(raw)) || got.MediaType != "application/vnd.oci.image.manifest.v1+json" {
					t.Errorf("attachment %d has the manifest %v, stored are %d bytes", i, got, len(raw))
				}
			}
			puts := requests.seen(http.MethodPut, "/manifests/")[1:] // the first is the image
			want := []string{
				"/v2/acme/app/manifests/" + attached[0].Manifest.Ref.DigestStr(),
				"/v2/acme/app/manifests/" + attached[1].Manifest.Ref.DigestStr(),
			}
			if !api {
				golden.Compare(t, "fallback-index.json", get(t, network, tag))
				want = append(want, "/v2/acme/app/manifests/"+tag)
			}
			if diff := cmp.Diff(want, puts); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			blobsFirst(t, requests, attached)
			listed(t, network, m, attached)
		})
	}
}

// blobsFirst checks that no blob is written once manifests are, and that the empty config
// is written once.
func blobsFirst(t *testing.T, requests *recorder, attached []*attest.Attachment) {
	t.Helper()
	var writes []string
	for _, path := range requests.seen(http.MethodPut, "/v2/") {
		writes = append(writes, strings.Split(path, "/")[4])
	}
	first := slices.Index(requests.seen(http.MethodPut, "/v2/"), "/v2/acme/app/manifests/"+attached[0].Manifest.Ref.DigestStr())
	if slices.Contains(writes[first:], "blobs") {
		t.Errorf("blobs after the first manifest: %v", writes)
	}
	// layer, config and manifest of the image; then config and two bundles
	if diff := cmp.Diff([]string{"blobs", "blobs", "manifests", "blobs", "blobs", "blobs", "manifests", "manifests"}, writes[:8]); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// listed checks what another reader finds.
func listed(t *testing.T, network http.RoundTripper, m attest.Manifest, attached []*attest.Attachment) {
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
	for _, a := range attached {
		want = append(want, fmt.Sprintf("%s %d %s %v", a.Manifest.Ref.DigestStr(), a.Manifest.Size, a.Manifest.MediaType, map[string]string{
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": a.Bundle.Statement.PredicateType,
			"org.opencontainers.image.created":  "2026-09-01T12:30:00Z",
		}))
	}
	slices.Sort(got) // the registry in memory lists in no order
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
}

// The same bundles once more change nothing: a run that was repeated converges.
func TestAttachAgain(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := record(memory(api))
			network := serve(t, requests)
			m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
			var before []byte
			for range 2 {
				attached, err := client(network).Attach(t.Context(), m, bundles(m))
				if err != nil {
					t.Fatal(err)
				}
				listed(t, network, m, attached)
				if now := get(t, network, strings.Replace(m.Ref.DigestStr(), ":", "-", 1)); before == nil {
					before = now
				} else if !bytes.Equal(before, now) {
					t.Errorf("the index changed from\n%s\nto\n%s", before, now)
				}
			}
			if got := len(requests.seen(http.MethodPut, "/manifests/sha256-")); !api && got != 1 {
				t.Errorf("the index was written %d times, want once", got)
			}
		})
	}
}

// refusing answers the writes of manifests from the nth on with status.
func refusing(next http.Handler, n, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/") {
			if n--; n <= 0 {
				w.WriteHeader(status)
				return
			}
		}
		next.ServeHTTP(w, req)
	})
}

func TestAttachFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden string
		api    bool
		nth    int // write of a manifest that fails; the first is the image
		status int
		stored int // attachments that are returned
	}{
		"manifest refused":                     {"refused", true, 2, 400, 0},
		"second manifest refused":              {"refused", true, 3, 400, 1},
		"second manifest refused, no API":      {"refused", false, 3, 400, 0},
		"index refused":                        {"refused-415", false, 4, 415, 0},
		"forbidden":                            {"denied", true, 2, 403, 0},
		"second fails with 500":                {"attach-failed", true, 3, 500, 1},
		"index fails with 500":                 {"attach-failed", false, 4, 500, 0},
		"conflict of an immutable tag, no API": {"refused-409", false, 4, 409, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{refusing(memory(c.api), c.nth, c.status)}
				stack := transport.New(transport.Options{Base: network, Log: slog.New(slog.DiscardHandler)})
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				cl := registry.New(registry.Options{Username: username, Password: secret.New(password), Transport: stack})
				attached, err := cl.Attach(t.Context(), m, bundles(m))
				goldenProblem(t, c.golden, err)
				if len(attached) != c.stored {
					t.Errorf("%d attachments are returned, want the %d that can be found", len(attached), c.stored)
				}
			})
		})
	}
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	for name, api := range legs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := serve(t, memory(api))
			m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
			cl := client(network)
			attached, err := cl.Attach(t.Context(), m, bundles(m))
			if err != nil {
				t.Fatal(err)
			}
			got, err := cl.ReadBack(t.Context(), attached)
			if err != nil {
				t.Fatal(err)
			}
			want := [][]byte{attached[0].Bundle.JSON, attached[1].Bundle.JSON}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("bundles (-want +got):\n%s", diff)
			}
		})
	}
}

// stale answers the first n lists after a manifest was attached as if it had not been.
func stale(next http.Handler, n int) http.Handler {
	attached := 0
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/sha256") {
			attached++
		}
		list := strings.Contains(req.URL.Path, "/referrers/") || strings.Contains(req.URL.Path, "/manifests/sha256-")
		if req.Method == http.MethodGet && list && attached > 0 && n > 0 {
			n--
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			fmt.Fprint(w, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
			return
		}
		next.ServeHTTP(w, req)
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
				cl := client(network)
				attached, err := cl.Attach(t.Context(), m, bundles(m)[:1])
				if err != nil {
					t.Fatal(err)
				}
				_, err = cl.ReadBack(t.Context(), attached)
				if c.golden != "" {
					goldenProblem(t, c.golden, err)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A list that lost an entry to another writer is told, also without the API.
func TestReadBackOverwritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(false)}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		cl := client(network)
		attached, err := cl.Attach(t.Context(), m, bundles(m)[:1])
		if err != nil {
			t.Fatal(err)
		}
		put(t, network, strings.Replace(m.Ref.DigestStr(), ":", "-", 1), "application/vnd.oci.image.index.v1+json", []byte(foreign))
		_, err = cl.ReadBack(t.Context(), attached)
		goldenProblem(t, "read-back-missing", err)
	})
}

// Bytes that are not those of the digest do not come back.
func TestReadBackWrongBytes(t *testing.T) {
	t.Parallel()
	inner := memory(true)
	var wrong bool
	network := inProcess{http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if wrong && req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/sha256:") {
			fmt.Fprint(w, `{"bundle":"of somebody else"}`)
			return
		}
		inner.ServeHTTP(w, req)
	})}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	cl := client(network)
	attached, err := cl.Attach(t.Context(), m, bundles(m)[:1])
	if err != nil {
		t.Fatal(err)
	}
	wrong = true
	if got, err := cl.ReadBack(t.Context(), attached); err == nil {
		t.Errorf("got %s", got)
	}
}

// The digest of a manifest that Attach returns is that of the stored bytes.
func TestAttachmentDigest(t *testing.T) {
	t.Parallel()
	network := inProcess{memory(true)}
	m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
	attached, err := client(network).Attach(t.Context(), m, bundles(m)[:1])
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(get(t, network, attached[0].Manifest.Ref.DigestStr())))
	if err != nil || digest != attached[0].Manifest.Digest() {
		t.Errorf("digest %s, want %s (%v)", attached[0].Manifest.Digest(), digest, err)
	}
}
