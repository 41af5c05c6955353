package registry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/oci"
	cosign "github.com/sigstore/cosign/v2/pkg/oci/remote"

	"seal-image/internal/attest"
)

// The oracle is cosign's own reader.
func TestCosignReadsTags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(false)}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		planned := everyForm(m)
		attach(t, network, planned...)
		options := cosign.WithRemoteOptions(remote.WithTransport(network), remote.WithContext(t.Context()))

		for i, read := range map[int]func(name.Reference, ...cosign.Option) (name.Tag, error){1: cosign.AttestationTag, 4: cosign.SignatureTag} {
			tag, err := read(m.Ref, options)
			if err != nil {
				t.Fatal(err)
			}
			found, err := cosign.Signatures(tag, options)
			if err != nil {
				t.Fatal(err)
			}
			layers, err := found.Get()
			if err != nil || len(layers) != 1 {
				t.Fatalf("%d layers (%v), want one", len(layers), err)
			}
			sameLayer(t, planned[i].Bundle.Layer, layers[0])
		}
		tag, err := cosign.SBOMTag(m.Ref, options)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(tag, remote.WithTransport(network))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		mediaType, err := layers[0].MediaType()
		if err != nil || len(layers) != 1 || mediaType != "text/spdx+json" {
			t.Errorf("%d layers, the first of %s (%v), want one document", len(layers), mediaType, err)
		}
	})
}

func sameLayer(t *testing.T, want attest.Layer, layer oci.Signature) {
	t.Helper()
	content, err := layer.Payload()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := layer.Base64Signature()
	if err != nil {
		t.Fatal(err)
	}
	annotations, err := layer.Annotations()
	if err != nil {
		t.Fatal(err)
	}
	entry, err := layer.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	got := attest.Layer{
		Content: content, Signature: signature, LogEntry: encoded,
		Certificate: []byte(annotations["dev.sigstore.cosign/certificate"]), Chain: []byte(annotations["dev.sigstore.cosign/chain"]),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

// foreignSignatures are layers of others, by a signer that we know nothing of.
func foreignSignatures(t *testing.T, n int) v1.Image {
	t.Helper()
	layer := static.NewLayer([]byte(`{"critical":"of somebody"}`), "application/vnd.example.payload+json")
	adds := make([]mutate.Addendum, n)
	for i := range adds {
		adds[i] = mutate.Addendum{Layer: layer, Annotations: map[string]string{
			"dev.cosignproject.cosign/signature": fmt.Sprintf("signature %d", i), "com.example/note": "<kept> & unread",
		}}
	}
	img, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), adds...)
	if err != nil {
		t.Fatal(err)
	}
	return mutate.Annotations(img, map[string]string{"com.example/made-by": "somebody"}).(v1.Image)
}

// manySignatures writes a tag with layers of others, faster than the library does it.
func manySignatures(t *testing.T, network http.RoundTripper, tag string, n int) {
	t.Helper()
	push(t, network, repository+":"+tag, foreignSignatures(t, 1))
	m := manifestOf(t, get(t, network, tag))
	layer := m.Layers[0]
	m.Layers = make([]v1.Descriptor, n)
	for i := range m.Layers {
		m.Layers[i] = layer
		m.Layers[i].Annotations = map[string]string{"dev.cosignproject.cosign/signature": fmt.Sprintf("signature %d", i)}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	put(t, network, tag, ociManifest, raw)
}

func manifestOf(t *testing.T, raw []byte) (m v1.Manifest) {
	t.Helper()
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return m
}

// What others have put under a tag stays as it is, and before ours.
func TestTagsKeepForeignLayers(t *testing.T) {
	t.Parallel()
	for suffix, form := range map[string]func(attest.Manifest) *attest.Attachment{
		".sig": func(m attest.Manifest) *attest.Attachment { return tagged(m, "b3Vycw==") },
		".att": func(m attest.Manifest) *attest.Attachment { return attested(m, attest.FormAtt) },
	} {
		t.Run(suffix, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{memory(false)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				push(t, network, repository+":"+fallbackTag(m)+suffix, foreignSignatures(t, 3))
				before := manifestOf(t, get(t, network, fallbackTag(m)+suffix))
				attach(t, network, form(m))
				after := manifestOf(t, get(t, network, fallbackTag(m)+suffix))

				if len(after.Layers) != 4 {
					t.Fatalf("%d layers, want 3 and ours", len(after.Layers))
				}
				if diff := cmp.Diff(before.Layers, after.Layers[:3]); diff != "" {
					t.Errorf("foreign layers (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before.Annotations, after.Annotations); diff != "" {
					t.Errorf("annotations of the manifest (-want +got):\n%s", diff)
				}
				img, err := remote.Image(reference(t, repository+":"+fallbackTag(m)+suffix), remote.WithTransport(network))
				if err != nil {
					t.Fatal(err)
				}
				config, err := img.ConfigFile()
				if err != nil {
					t.Fatal(err)
				}
				if n := len(config.RootFS.DiffIDs); n != 4 {
					t.Errorf("the config has %d layers, want 4", n)
				}
			})
		})
	}
}

// What is attached together is in the order of the plan.
func TestTagKeepsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(true)}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		planned := []*attest.Attachment{tagged(m, "b25l"), tagged(m, "dHdv"), tagged(m, "dGhyZWU=")}
		attach(t, network, planned...)
		var got []string
		for _, l := range manifestOf(t, get(t, network, fallbackTag(m)+".sig")).Layers {
			got = append(got, l.Annotations["dev.cosignproject.cosign/signature"])
		}
		if diff := cmp.Diff([]string{"b25l", "dHdv", "dGhyZWU="}, got); diff != "" {
			t.Errorf("signatures (-want +got):\n%s", diff)
		}
	})
}

// There is room for one document: as in cosign, the last one stays.
func TestTagReplacesDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := inProcess{memory(true)}
		m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
		old := document(m, attest.FormTag)
		old.Document.Bytes = []byte(`{"name":"old"}`)
		attach(t, network, old)
		now := document(m, attest.FormTag)
		attach(t, network, now)
		if now.State != attest.New || now.Manifest == old.Manifest {
			t.Errorf("the new document is %s at %v", now.State, now.Manifest)
		}
		layers := manifestOf(t, get(t, network, fallbackTag(m)+".sbom")).Layers
		if len(layers) != 1 || layers[0].Size != int64(len(now.Document.Bytes)) {
			t.Errorf("layers %v, want the one of %d bytes", layers, len(now.Document.Bytes))
		}
	})
}
