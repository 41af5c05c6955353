package sigstore_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"time"

	"github.com/digitorus/timestamp"
	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/transparency-dev/merkle/rfc6962"
)

// signed is a signature and what it is about.
type signed struct {
	leaf        []byte // DER
	payload     []byte
	payloadType string
	digest      [sha256.Size]byte // of what the key signed
	signature   []byte
}

// logging is an entry of a log. What is logged may be another signature than the one of the
// bundle, which is what change is for.
type logging struct {
	by      *instance
	version int
	kind    string    // of a body of version 1: hashedrekord, dsse or intoto
	at      time.Time // of the promise
	promise bool
	proof   bool
	stale   bool // the checkpoint, of version 2, is of the tree before this entry
	later   bool // another entry of the log of version 1
	body2   bool // a body of version 2 in a log of version 1
	change  func(*rekortiles.HashedRekordLogEntryV002)
}

// stamping is a timestamp of an authority.
type stamping struct {
	by       *instance
	at       time.Time
	embedded bool // the certificate of the authority is in it
}

func (s *signing) stamp(by stamping, signature []byte) []byte {
	s.t.Helper()
	sum := sha256.Sum256(signature)
	answer, err := (&timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: by.at, AddTSACertificate: by.embedded,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
	}).CreateResponseWithOpts(by.by.tsa, by.by.tsaKey, crypto.SHA256)
	s.check(err)
	return answer
}

func (s *signing) entry(log logging, of signed) *protorekor.TransparencyLogEntry {
	s.t.Helper()
	if log.version == 2 {
		return s.tiledEntry(log, of)
	}
	body, version := s.body(log.kind, of), "0.0.1"
	kind := log.kind
	if log.kind == "intoto" {
		version = "0.0.2"
	}
	if log.body2 {
		body, kind, version = s.tiledEntry(log, of).GetCanonicalizedBody(), "hashedrekord", "0.0.2"
	}
	id, err := log.by.log.RekorLogID()
	s.check(err)
	key, err := hex.DecodeString(id)
	s.check(err)
	out := &protorekor.TransparencyLogEntry{
		LogIndex: 700, LogId: &protocommon.LogId{KeyId: key}, CanonicalizedBody: body,
		KindVersion: &protorekor.KindVersion{Kind: kind, Version: version},
	}
	if log.later {
		out.LogIndex++
	}
	if log.promise {
		out.IntegratedTime = log.at.Unix()
		promise, err := log.by.log.RekorSignPayload(tlog.RekorPayload{
			Body: base64.StdEncoding.EncodeToString(body), IntegratedTime: out.IntegratedTime, LogIndex: out.LogIndex, LogID: id,
		})
		s.check(err)
		out.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: promise}
	}
	if log.proof {
		out.InclusionProof = s.proof(log.by, body)
	}
	return out
}

// proof is that of a log of version 1. The log has one entry more, to the right of this one,
// which the library's fake calls the second all the same.
func (s *signing) proof(by *instance, body []byte) *protorekor.InclusionProof {
	s.t.Helper()
	proof, err := by.log.GetInclusionProof(body)
	s.check(err)
	out := &protorekor.InclusionProof{
		TreeSize: *proof.TreeSize, Checkpoint: &protorekor.Checkpoint{Envelope: *proof.Checkpoint},
	}
	out.RootHash, err = hex.DecodeString(*proof.RootHash)
	s.check(err)
	for _, encoded := range proof.Hashes {
		hash, err := hex.DecodeString(encoded)
		s.check(err)
		out.Hashes = append(out.Hashes, hash)
	}
	return out
}

// body is that of an entry of version 1, made by Rekor's own code.
func (s *signing) body(kind string, of signed) []byte {
	s.t.Helper()
	properties := types.ArtifactProperties{
		PublicKeyBytes: [][]byte{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: of.leaf})}, PKIFormat: "x509",
	}
	version := "0.0.1"
	if kind == "hashedrekord" {
		properties.ArtifactHash, properties.SignatureBytes = hexOf(of.digest), of.signature
	} else {
		var err error
		properties.ArtifactBytes, err = json.Marshal(ssldsse.Envelope{
			PayloadType: of.payloadType, Payload: base64.StdEncoding.EncodeToString(of.payload),
			Signatures: []ssldsse.Signature{{Sig: base64.StdEncoding.EncodeToString(of.signature)}},
		})
		s.check(err)
	}
	if kind == "intoto" {
		version = "0.0.2"
	}
	proposed, err := types.NewProposedEntry(s.t.Context(), kind, version, properties)
	s.check(err)
	entry, err := types.CreateVersionedEntry(proposed)
	s.check(err)
	body, err := types.CanonicalizeEntry(s.t.Context(), entry)
	s.check(err)
	return body
}

// tiledEntry is an entry of version 2, the first of two in its tree.
func (s *signing) tiledEntry(log logging, of signed) *protorekor.TransparencyLogEntry {
	s.t.Helper()
	hashed := &rekortiles.HashedRekordLogEntryV002{
		Data: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: of.digest[:]},
		Signature: &rekortiles.Signature{Content: of.signature, Verifier: &rekortiles.Verifier{
			KeyDetails: protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
			Verifier:   &rekortiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: of.leaf}},
		}},
	}
	if log.change != nil {
		log.change(hashed)
	}
	out, err := log.by.tiled(&rekortiles.Entry{
		Kind: "hashedrekord", ApiVersion: "0.0.2",
		Spec: &rekortiles.Spec{Spec: &rekortiles.Spec_HashedRekordV002{HashedRekordV002: hashed}},
	})
	s.check(err)
	proof, other := out.GetInclusionProof(), rfc6962.DefaultHasher.HashLeaf([]byte("another entry"))
	proof.TreeSize, proof.Hashes = 2, [][]byte{other}
	proof.RootHash = rfc6962.DefaultHasher.HashChildren(proof.GetRootHash(), other)
	proof.Checkpoint.Envelope, err = log.by.checkpoint(2, proof.GetRootHash())
	s.check(err)
	if log.stale {
		proof.Checkpoint.Envelope, err = log.by.checkpoint(1, other)
		s.check(err)
	}
	return out
}
