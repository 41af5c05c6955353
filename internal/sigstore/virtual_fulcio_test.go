package sigstore_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// certify is Fulcio: it writes the claims of the token into a certificate.
func (i *instance) certify(req *http.Request) (int, []byte, http.Header, error) {
	var body struct {
		PublicKeyRequest struct {
			PublicKey struct{ Content string }
		}
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return 0, nil, nil, err
	}
	block, _ := pem.Decode([]byte(body.PublicKeyRequest.PublicKey.Content))
	if block == nil {
		return 0, nil, nil, fmt.Errorf("no key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return 0, nil, nil, err
	}
	claims, err := claimsOf(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		return 0, nil, nil, err
	}
	leaf, err := i.leaf(key, claims)
	if err != nil {
		return 0, nil, nil, err
	}
	encoded := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}))
	answer, err := json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{encoded}}}})
	return http.StatusOK, answer, nil, err
}

func claimsOf(token string) (map[string]any, error) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(raw, &claims)
}

// leaf issues the certificate of a job.
func (i *instance) leaf(key crypto.PublicKey, claims map[string]any) ([]byte, error) {
	template, err := template(claims)
	if err != nil {
		return nil, err
	}
	return i.issue(template, key)
}

// template is the certificate of a job, or of a person if the token has an e-mail address.
func template(claims map[string]any) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(10 * time.Minute),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
	extensions := map[int]string{8: claims["iss"].(string)}
	if email, ok := claims["email"].(string); ok {
		template.EmailAddresses = []string{email}
	} else {
		san, err := url.Parse("https://github.com/" + claims["job_workflow_ref"].(string))
		if err != nil {
			return nil, err
		}
		template.URIs = []*url.URL{san}
		extensions[12] = "https://github.com/" + claims["repository"].(string)
		extensions[13] = claims["sha"].(string)
		extensions[14] = claims["ref"].(string)
	}
	for arc, value := range extensions {
		der, err := asn1.MarshalWithParams(value, "utf8")
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, arc}, Value: der,
		})
	}
	return template, addRun(template, claims)
}

// issue signs a certificate and embeds an SCT (RFC 6962, section 3.3).
func (i *instance) issue(template *x509.Certificate, key crypto.PublicKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, i.issuer, key, i.issuerKey)
	if err != nil || i.noSCT {
		return der, err
	}
	sct, err := i.sct(der)
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions, sct)
	return x509.CreateCertificate(rand.Reader, template, i.issuer, key, i.issuerKey)
}

// sct is the extension with the log's promise to include the certificate.
func (i *instance) sct(der []byte) (pkix.Extension, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return pkix.Extension{}, err
	}
	now := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixMilli()))
	issuer := sha256.Sum256(i.issuer.RawSubjectPublicKeyInfo)
	tbs := cert.RawTBSCertificate
	signed := bytes.Join([][]byte{
		{0, 0}, now, {0, 1}, issuer[:], // version, type; time; precertificate of this issuer
		{byte(len(tbs) >> 16), byte(len(tbs) >> 8), byte(len(tbs))}, tbs, {0, 0},
	}, nil)
	digest := sha256.Sum256(signed)
	signature, err := ecdsa.SignASN1(rand.Reader, i.ctKey, digest[:])
	if err != nil {
		return pkix.Extension{}, err
	}
	id := logID(&i.ctKey.PublicKey)
	promise := bytes.Join([][]byte{{0}, id, now, {0, 0}, {4, 3}, sized(signature)}, nil) // SHA-256 with ECDSA
	value, err := asn1.Marshal(sized(sized(promise)))
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: value}, err
}

func sized(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

func logID(key crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err) // of a key that was just made
	}
	id := sha256.Sum256(der)
	return id[:]
}
