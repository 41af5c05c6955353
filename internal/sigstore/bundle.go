package sigstore

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/attest"
)

// encode is a bundle as it is stored.
func encode(proto *protobundle.Bundle) ([]byte, error) {
	encoded, err := protojson.Marshal(proto)
	if err != nil {
		return nil, fmt.Errorf("encode bundle: %w", err)
	}
	return encoded, nil
}

// newBundle is what a bundle says, with its layer as cosign's tags hold it. JSON and Signer
// are for those who know them.
func newBundle(proto *protobundle.Bundle, st *attest.Statement, chain []*x509.Certificate) (*attest.Bundle, error) {
	out := &attest.Bundle{Statement: st}
	entries := proto.GetVerificationMaterial().GetTlogEntries()
	if len(entries) == 0 { // of a Sigstore without a log
		return out, nil
	}
	first := entries[0]
	out.Entry = attest.LogEntry{Index: first.GetLogIndex(), LogID: hex.EncodeToString(first.GetLogId().GetKeyId())}
	if first.GetInclusionPromise() == nil {
		return out, nil
	}
	out.Entry.IntegratedTime = time.Unix(first.GetIntegratedTime(), 0).UTC()
	layer, err := newLayer(proto, st, chain)
	if err != nil {
		return nil, err
	}
	out.Layer = *layer
	return out, nil
}

// newLayer writes a bundle in the way of cosign's tags.
func newLayer(proto *protobundle.Bundle, st *attest.Statement, chain []*x509.Certificate) (*attest.Layer, error) {
	material := proto.GetVerificationMaterial()
	entry := material.GetTlogEntries()[0]
	entryJSON, err := json.Marshal(cosignbundle.RekorBundle{
		SignedEntryTimestamp: entry.GetInclusionPromise().GetSignedEntryTimestamp(),
		Payload: cosignbundle.RekorPayload{
			Body:           base64.StdEncoding.EncodeToString(entry.GetCanonicalizedBody()),
			IntegratedTime: entry.GetIntegratedTime(),
			LogIndex:       entry.GetLogIndex(),
			LogID:          hex.EncodeToString(entry.GetLogId().GetKeyId()),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode log entry: %w", err)
	}
	chainPEM, err := cryptoutils.MarshalCertificatesToPEM(chain)
	if err != nil {
		return nil, fmt.Errorf("encode chain: %w", err)
	}
	layer := &attest.Layer{
		Content:     st.Payload,
		Signature:   base64.StdEncoding.EncodeToString(proto.GetMessageSignature().GetSignature()),
		Certificate: cryptoutils.PEMEncode(cryptoutils.CertificatePEMType, leaf(material)),
		Chain:       chainPEM,
		LogEntry:    entryJSON,
	}
	if envelope := proto.GetDsseEnvelope(); envelope != nil {
		// Rekor hashes the envelope as this encodes it, and verifiers compare with that.
		if layer.Content, err = json.Marshal(envelope); err != nil {
			return nil, fmt.Errorf("encode envelope: %w", err)
		}
	}
	return layer, nil
}

// leaf is the signing certificate, DER; nil if there is none.
func leaf(material *protobundle.VerificationMaterial) []byte {
	if certificate := material.GetCertificate(); certificate != nil {
		return certificate.GetRawBytes()
	}
	if chain := material.GetX509CertificateChain().GetCertificates(); len(chain) > 0 {
		return chain[0].GetRawBytes()
	}
	return nil
}

// layerMediaType is that of bundles whose log entry has a promise and no inclusion proof,
// which is what cosign's tags hold.
const layerMediaType = "application/vnd.dev.sigstore.bundle+json;version=0.1"

// layerBundle reads a layer of cosign's tags as a Sigstore bundle.
func layerBundle(form attest.Form, layer attest.Layer) (*bundle.Bundle, error) {
	entry, err := layerEntry(layer.LogEntry)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(layer.Certificate)
	if block == nil {
		return nil, errors.New("the layer has no certificate")
	}
	proto := &protobundle.Bundle{
		MediaType: layerMediaType,
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content: &protobundle.VerificationMaterial_X509CertificateChain{
				X509CertificateChain: &protocommon.X509CertificateChain{
					Certificates: []*protocommon.X509Certificate{{RawBytes: block.Bytes}},
				},
			},
			TlogEntries: []*protorekor.TransparencyLogEntry{entry},
		},
	}
	if form == attest.FormSig {
		signature, err := base64.StdEncoding.DecodeString(layer.Signature)
		if err != nil {
			return nil, fmt.Errorf("read signature: %w", err)
		}
		digest := sha256.Sum256(layer.Content)
		proto.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: digest[:]},
			Signature:     signature,
		}}
		return bundle.NewBundle(proto)
	}
	var envelope protodsse.Envelope
	if err := json.Unmarshal(layer.Content, &envelope); err != nil {
		return nil, fmt.Errorf("read envelope: %w", err)
	}
	proto.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &envelope}
	return bundle.NewBundle(proto)
}

// layerEntry reads the log entry of a layer.
func layerEntry(encoded []byte) (*protorekor.TransparencyLogEntry, error) {
	var b cosignbundle.RekorBundle
	if err := json.Unmarshal(encoded, &b); err != nil {
		return nil, fmt.Errorf("read log entry: %w", err)
	}
	text, _ := b.Payload.Body.(string)
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("read log entry: %w", err)
	}
	var kind struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, fmt.Errorf("read body of the log entry: %w", err)
	}
	id, err := hex.DecodeString(b.Payload.LogID)
	if err != nil {
		return nil, fmt.Errorf("read log ID: %w", err)
	}
	return &protorekor.TransparencyLogEntry{
		LogIndex:          b.Payload.LogIndex,
		LogId:             &protocommon.LogId{KeyId: id},
		KindVersion:       &protorekor.KindVersion{Kind: kind.Kind, Version: kind.Version},
		IntegratedTime:    b.Payload.IntegratedTime,
		InclusionPromise:  &protorekor.InclusionPromise{SignedEntryTimestamp: b.SignedEntryTimestamp},
		CanonicalizedBody: body,
	}, nil
}
