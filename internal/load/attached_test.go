//go:build load

package load_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"seal-image/internal/suite"
)

// Where each process attaches something.
const (
	signatureBundle = "the bundle of the signature"
	documentBundle  = "the bundle of the SBOM"
	signatureTag    = "the tag .sig"
	documentTag     = "the tag .att"
)

var places = []string{signatureBundle, documentBundle, signatureTag, documentTag}

// attached reads, without the action's code, whose certificates are in each place.
func attached(t *testing.T, ref name.Digest) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{}
	for _, place := range places {
		found[place] = map[string]bool{}
	}
	tag := strings.Replace(ref.DigestStr(), ":", "-", 1)
	readBundles(t, ref, found)
	readTag(t, ref.Context().Tag(tag+".sig"), found[signatureTag])
	readTag(t, ref.Context().Tag(tag+".att"), found[documentTag])
	return found
}

// readBundles reads every bundle that the referrers API lists, or the index that stands in for it.
func readBundles(t *testing.T, ref name.Digest, found map[string]map[string]bool) {
	t.Helper()
	index := suite.Must(remote.Referrers(ref, remote.WithContext(t.Context())))(t)
	for _, d := range suite.Must(index.IndexManifest())(t).Manifests {
		place, owner := readBundle(t, ref.Context().Digest(d.Digest.String()))
		found[place][owner] = true
	}
}

func readBundle(t *testing.T, ref name.Digest, options ...remote.Option) (place, owner string) {
	t.Helper()
	var bundle struct {
		Material struct {
			Certificate struct {
				DER []byte `json:"rawBytes"`
			} `json:"certificate"`
		} `json:"verificationMaterial"`
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	unmarshal(t, suite.OnlyLayer(t, ref, options...), &bundle)
	var statement struct {
		PredicateType string `json:"predicateType"`
	}
	unmarshal(t, bundle.Envelope.Payload, &statement)
	switch statement.PredicateType {
	case "https://sigstore.dev/cosign/sign/v1":
		place = signatureBundle
	case "https://spdx.dev/Document":
		place = documentBundle
	default:
		t.Fatalf("%s is a bundle of %q", ref, statement.PredicateType)
	}
	return place, subject(t, bundle.Material.Certificate.DER)
}

// readTag reads the layers below a tag of cosign's.
func readTag(t *testing.T, tag name.Tag, found map[string]bool) {
	t.Helper()
	image := suite.Must(remote.Image(tag, remote.WithContext(t.Context())))(t)
	for _, owner := range owners(t, tag, suite.Must(image.Manifest())(t)) {
		found[owner] = true
	}
}

// owners are whose certificates the layers below a tag of cosign's have, layer by layer.
func owners(t *testing.T, tag name.Tag, manifest *v1.Manifest) (out []string) {
	t.Helper()
	for _, layer := range manifest.Layers {
		block, _ := pem.Decode([]byte(layer.Annotations["dev.sigstore.cosign/certificate"]))
		if block == nil {
			t.Fatalf("a layer of %s has no certificate", tag)
		}
		out = append(out, subject(t, block.Bytes))
	}
	return out
}

// subject is the identity that a certificate of Fulcio names.
func subject(t *testing.T, der []byte) string {
	t.Helper()
	certificate := suite.Must(x509.ParseCertificate(der))(t)
	if len(certificate.URIs) != 1 {
		t.Fatalf("a certificate names %v", certificate.URIs)
	}
	return certificate.URIs[0].String()
}

func unmarshal(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}
