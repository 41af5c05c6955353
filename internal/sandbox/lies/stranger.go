package lies

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// A stranger is somebody else who signs and logs other things.
type stranger struct {
	key *ecdsa.PrivateKey
	der []byte // of the public key
	pem []byte // of the public key
}

func newStranger() (*stranger, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key of a stranger: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("encode key of a stranger: %w", err)
	}
	return &stranger{key: key, der: der, pem: cryptoutils.PEMEncode(cryptoutils.PublicKeyPEMType, der)}, nil
}

func (s *stranger) sign(content []byte) ([]byte, error) {
	digest := sha256.Sum256(content)
	signed, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign as a stranger: %w", err)
	}
	return signed, nil
}

// proposal asks Rekor v1 to log a signature of something that nobody saw before: of the kind
// hashedrekord, or else a statement about another image.
func (s *stranger) proposal(kind string) ([]byte, error) {
	if kind == "hashedrekord" {
		return s.hashedRekord()
	}
	digest := sha256.Sum256([]byte(rand.Text()))
	payload := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1",`+
		`"subject":[{"name":"other","digest":{"sha256":"%x"}}],`+
		`"predicateType":"https://spdx.dev/Document","predicate":{}}`, digest)
	const payloadType = "application/vnd.in-toto+json"
	signed, err := s.sign(dsse.PAE(payloadType, payload))
	if err != nil {
		return nil, err
	}
	envelope, err := json.Marshal(map[string]any{
		"payloadType": payloadType,
		"payload":     payload,
		"signatures":  []map[string]any{{"sig": signed}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode envelope of a stranger: %w", err)
	}
	return json.Marshal(map[string]any{"kind": "dsse", "apiVersion": "0.0.1", "spec": map[string]any{
		"proposedContent": map[string]any{"envelope": string(envelope), "verifiers": [][]byte{s.pem}},
	}})
}

func (s *stranger) hashedRekord() ([]byte, error) {
	content := []byte(rand.Text())
	signed, err := s.sign(content)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(content)
	return json.Marshal(map[string]any{"kind": "hashedrekord", "apiVersion": "0.0.1", "spec": map[string]any{
		"data":      map[string]any{"hash": map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(digest[:])}},
		"signature": map[string]any{"content": signed, "publicKey": map[string]any{"content": s.pem}},
	}})
}

// proposalV2 asks Rekor v2 for the same.
func (s *stranger) proposalV2() ([]byte, error) {
	content := []byte(rand.Text())
	signed, err := s.sign(content)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(content)
	return json.Marshal(map[string]any{"hashedRekordRequestV002": map[string]any{
		"digest": digest[:],
		"signature": map[string]any{"content": signed, "verifier": map[string]any{
			"publicKey": map[string]any{"rawBytes": s.der}, "keyDetails": "PKIX_ECDSA_P256_SHA_256",
		}},
	}})
}
