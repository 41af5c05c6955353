package sigstore_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/attest"
)

// signing is how something is signed, without our own code: the Signer does nothing wrong,
// and the table is about what others may do.
type signing struct {
	t           *testing.T
	now         time.Time
	payload     string
	payloadType string
	form        attest.Form
	key         *ecdsa.PrivateKey
	leafKey     *ecdsa.PrivateKey // nil: key
	claims      map[string]any
	template    func(*x509.Certificate) // changes the certificate; nil: nothing
	home        *instance               // the trust root is its own
	ca          *instance
	logs        []logging
	stamps      []stamping
}

// newSigning is the usual way: an SBOM in an envelope, in a log of version 1, which gives
// the time.
func newSigning(t *testing.T) *signing {
	t.Helper()
	i := newServices(t)
	var err error
	if i.log, err = ca.NewVirtualSigstoreWithExistingRekorEntry(); err != nil { // its proofs have a hash
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second) // as all the times of Sigstore
	return &signing{
		t: t, now: now, home: i, ca: i, key: newKey(t), claims: claims(nil),
		payload: sbomStatement, payloadType: attest.PayloadType, form: attest.FormBundle,
		logs: []logging{{by: i, version: 1, kind: "dsse", at: now, promise: true, proof: true}},
	}
}

// sbomStatement is about the image a.
const sbomStatement = `{"_type":"https://in-toto.io/Statement/v1",` +
	`"subject":[{"name":"registry.example.com/acme/app","digest":{"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}],` +
	`"predicateType":"https://spdx.dev/Document","predicate":{"spdxVersion":"SPDX-2.3"}}`

// simpleSigning is a payload of a `.sig` about the image a.
const simpleSigning = `{"critical":{"identity":{"docker-reference":"registry.example.com/acme/app"},` +
	`"image":{"docker-manifest-digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},` +
	`"type":"cosign container image signature"},"optional":null}`

// stranger is another Sigstore whose parts have the same names.
func (s *signing) stranger() *instance { return newServices(s.t) }

// stored is what the registry would serve.
func (s *signing) stored() attest.Stored {
	s.t.Helper()
	proto := s.bundle()
	if s.form == attest.FormBundle {
		encoded, err := protojson.Marshal(proto)
		s.check(err)
		return attest.Stored{Form: s.form, Content: encoded}
	}
	return attest.Stored{Form: s.form, Layer: s.layer(proto)}
}

func (s *signing) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *signing) bundle() *protobundle.Bundle {
	s.t.Helper()
	signed := signed{leaf: s.leaf(), payload: []byte(s.payload), payloadType: s.payloadType}
	out := &protobundle.Bundle{
		MediaType: attest.BundleMediaType,
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content: &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: signed.leaf}},
		},
	}
	var err error
	if s.payloadType == attest.SimpleSigningType {
		signed.digest = sha256.Sum256(signed.payload)
		signed.signature, err = ecdsa.SignASN1(rand.Reader, s.key, signed.digest[:])
		out.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: signed.digest[:]},
			Signature:     signed.signature,
		}}
	} else {
		signed.digest = sha256.Sum256(ssldsse.PAE(s.payloadType, signed.payload))
		signed.signature, err = ecdsa.SignASN1(rand.Reader, s.key, signed.digest[:])
		out.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: signed.payload, PayloadType: s.payloadType, Signatures: []*protodsse.Signature{{Sig: signed.signature}},
		}}
	}
	s.check(err)
	for _, log := range s.logs {
		out.VerificationMaterial.TlogEntries = append(out.VerificationMaterial.TlogEntries, s.entry(log, signed))
	}
	var stamps []*protocommon.RFC3161SignedTimestamp
	for _, stamp := range s.stamps {
		stamps = append(stamps, &protocommon.RFC3161SignedTimestamp{SignedTimestamp: s.stamp(stamp, signed.signature)})
	}
	if len(stamps) > 0 {
		out.VerificationMaterial.TimestampVerificationData = &protobundle.TimestampVerificationData{Rfc3161Timestamps: stamps}
	}
	return out
}

func (s *signing) leaf() []byte {
	s.t.Helper()
	template, err := template(s.claims)
	s.check(err)
	template.NotBefore, template.NotAfter = s.now.Add(-time.Minute), s.now.Add(10*time.Minute)
	if s.template != nil {
		s.template(template)
	}
	key := s.key
	if s.leafKey != nil {
		key = s.leafKey
	}
	der, err := s.ca.issue(template, &key.PublicKey)
	s.check(err)
	return der
}

// layer is a bundle as cosign's tags hold it.
func (s *signing) layer(proto *protobundle.Bundle) attest.Layer {
	s.t.Helper()
	entry := proto.GetVerificationMaterial().GetTlogEntries()[0]
	encoded, err := json.Marshal(rekorBundleOf(entry))
	s.check(err)
	out := attest.Layer{
		Content:     []byte(s.payload),
		Signature:   base64.StdEncoding.EncodeToString(proto.GetMessageSignature().GetSignature()),
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proto.GetVerificationMaterial().GetCertificate().GetRawBytes()}),
		LogEntry:    encoded,
	}
	if envelope := proto.GetDsseEnvelope(); envelope != nil {
		out.Content, err = json.Marshal(envelope)
		s.check(err)
	}
	return out
}

func rekorBundleOf(entry *protorekor.TransparencyLogEntry) cosignbundle.RekorBundle {
	return cosignbundle.RekorBundle{
		SignedEntryTimestamp: entry.GetInclusionPromise().GetSignedEntryTimestamp(),
		Payload: cosignbundle.RekorPayload{
			Body:           base64.StdEncoding.EncodeToString(entry.GetCanonicalizedBody()),
			IntegratedTime: entry.GetIntegratedTime(),
			LogIndex:       entry.GetLogIndex(),
			LogID:          hex.EncodeToString(entry.GetLogId().GetKeyId()),
		},
	}
}
