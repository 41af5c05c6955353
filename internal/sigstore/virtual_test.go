package sigstore_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"seal-image/internal/transport"
)

// instance is a small Sigstore behind HTTP. The log is sigstore-go's VirtualSigstore; the
// CA is our own, because that one issues no workflow identities and no SCTs.
type instance struct {
	log               *ca.VirtualSigstore
	root, issuer, tsa *x509.Certificate
	issuerKey         *ecdsa.PrivateKey
	ctKey, tsaKey     *ecdsa.PrivateKey
	noSCT             bool                    // certificates come without
	intercept         map[string]http.Handler // by host, instead of the service
	network           http.RoundTripper       // in which the hosts below are
	mu                sync.Mutex
	requests          map[string]int    // by host
	posted            map[string][]byte // log entries by UUID
}

const (
	fulcioURL = "http://fulcio.example.com"
	rekorURL  = "http://rekor.example.com"
	tsaURL    = "http://tsa.example.com/api/v1/timestamp"
)

func newInstance(t *testing.T) *instance {
	t.Helper()
	i := &instance{intercept: map[string]http.Handler{}, requests: map[string]int{}, posted: map[string][]byte{}}
	var err error
	if i.log, err = ca.NewVirtualSigstore(); err != nil {
		t.Fatal(err)
	}
	var rootKey *ecdsa.PrivateKey
	if i.root, rootKey, err = ca.GenerateRootCa(); err != nil {
		t.Fatal(err)
	}
	if i.issuer, i.issuerKey, err = ca.GenerateFulcioIntermediate(i.root, rootKey); err != nil {
		t.Fatal(err)
	}
	i.ctKey, i.tsaKey = newKey(t), newKey(t)
	if i.tsa, err = ca.GenerateTSALeafCert(time.Now().Add(-5*time.Minute), i.tsaKey, i.root, rootKey); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	pool := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}}
	t.Cleanup(pool.CloseIdleConnections)
	i.network = once{pool}
	return i
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// once gives up as our transport does, but at once.
type once struct{ next http.RoundTripper }

func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	if err == nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500) {
		return nil, transport.NewStatusError(resp)
	}
	return resp, err
}

func (i *instance) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	i.mu.Lock()
	i.requests[req.Host]++
	i.mu.Unlock()
	if h := i.intercept[req.Host]; h != nil {
		h.ServeHTTP(w, req)
		return
	}
	i.service(w, req)
}

// service answers as the service of that host does.
func (i *instance) service(w http.ResponseWriter, req *http.Request) {
	serve := map[string]func(*http.Request) (int, []byte, http.Header, error){
		"fulcio.example.com/api/v2/signingCert": i.certify,
		"rekor.example.com/api/v1/log/entries":  i.record,
		"tsa.example.com/api/v1/timestamp":      i.stamp,
		"tsa2.example.com/api/v1/timestamp":     i.stamp,
	}[req.Host+req.URL.Path]
	if serve == nil {
		serve = i.entry
	}
	status, body, header, err := serve(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	for name := range header {
		w.Header().Set(name, header.Get(name))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

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

// leaf issues a certificate with an embedded SCT (RFC 6962, section 3.3).
func (i *instance) leaf(key crypto.PublicKey, claims map[string]any) ([]byte, error) {
	san, err := url.Parse("https://github.com/" + claims["job_workflow_ref"].(string))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		URIs:         []*url.URL{san},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(10 * time.Minute),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
	for arc, value := range map[int]string{
		8:  claims["iss"].(string),
		12: "https://github.com/" + claims["repository"].(string),
		13: claims["sha"].(string),
		14: claims["ref"].(string),
	} {
		der, err := asn1.MarshalWithParams(value, "utf8")
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, arc}, Value: der,
		})
	}
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

// record is Rekor's POST: it logs a DSSE envelope.
func (i *instance) record(req *http.Request) (int, []byte, http.Header, error) {
	var body struct {
		Spec struct {
			ProposedContent struct {
				Envelope  string
				Verifiers [][]byte
			}
		}
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return 0, nil, nil, err
	}
	content := body.Spec.ProposedContent
	var envelope dsse.Envelope
	if err := json.Unmarshal([]byte(content.Envelope), &envelope); err != nil {
		return 0, nil, nil, err
	}
	block, _ := pem.Decode(content.Verifiers[0])
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return 0, nil, nil, err
	}
	signature, err := base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
	if err != nil {
		return 0, nil, nil, err
	}
	entry, err := i.log.GenerateTlogEntry(cert, &envelope, signature, time.Now().Unix(), true)
	if err != nil {
		return 0, nil, nil, err
	}
	tle := entry.TransparencyLogEntry()
	proof := tle.GetInclusionProof()
	promise, err := i.log.RekorSignPayload(tlog.RekorPayload{
		Body: entry.Body(), IntegratedTime: tle.GetIntegratedTime(),
		LogIndex: tle.GetLogIndex(), LogID: hex.EncodeToString(tle.GetLogId().GetKeyId()),
	})
	if err != nil {
		return 0, nil, nil, err
	}
	uuid := hex.EncodeToString(proof.GetRootHash())
	answer, err := json.Marshal(map[string]any{uuid: map[string]any{
		"body": tle.GetCanonicalizedBody(), "integratedTime": tle.GetIntegratedTime(),
		"logID": hex.EncodeToString(tle.GetLogId().GetKeyId()), "logIndex": tle.GetLogIndex(),
		"verification": map[string]any{
			"signedEntryTimestamp": promise,
			"inclusionProof": map[string]any{
				"logIndex": proof.GetLogIndex(), "treeSize": proof.GetTreeSize(), "hashes": []string{},
				"rootHash": hex.EncodeToString(proof.GetRootHash()), "checkpoint": proof.GetCheckpoint().GetEnvelope(),
			},
		},
	}})
	i.mu.Lock()
	i.posted[uuid] = answer
	i.mu.Unlock()
	return http.StatusCreated, answer, http.Header{"Etag": {uuid}, "Location": {"/api/v1/log/entries/" + uuid}}, err
}

// entry is Rekor's GET.
func (i *instance) entry(req *http.Request) (int, []byte, http.Header, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	uuid := strings.TrimPrefix(req.URL.Path, "/api/v1/log/entries/")
	if answer, ok := i.posted[uuid]; ok && req.Host == "rekor.example.com" {
		return http.StatusOK, answer, nil, nil
	}
	return 0, nil, nil, fmt.Errorf("nothing at %s%s", req.Host, req.URL.Path)
}

// stamp is a timestamp authority.
func (i *instance) stamp(req *http.Request) (int, []byte, http.Header, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	asked, err := timestamp.ParseRequest(raw)
	if err != nil {
		return 0, nil, nil, err
	}
	answer, err := (&timestamp.Timestamp{
		HashAlgorithm: asked.HashAlgorithm, HashedMessage: asked.HashedMessage, Time: time.Now(),
		Nonce: asked.Nonce, Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
	}).CreateResponseWithOpts(i.tsa, i.tsaKey, crypto.SHA256)
	return http.StatusCreated, answer, http.Header{"Content-Type": {"application/timestamp-reply"}}, err
}

// trustedRoot is the file that verifies what this instance says.
func (i *instance) trustedRoot(t *testing.T) []byte { return i.trust(t, true) }

func (i *instance) trust(t *testing.T, ctLog bool) []byte {
	t.Helper()
	start := time.Now().Add(-time.Hour)
	logs := map[string]*root.TransparencyLog{}
	for id, log := range i.log.RekorLogs() {
		log.ID = logID(log.PublicKey)
		logs[id] = log
	}
	ctLogs := map[string]*root.TransparencyLog{}
	if ctLog {
		id := logID(&i.ctKey.PublicKey)
		ctLogs[hex.EncodeToString(id)] = &root.TransparencyLog{
			BaseURL: "http://ct.example.com", ID: id, ValidityPeriodStart: start,
			HashFunc: crypto.SHA256, PublicKey: &i.ctKey.PublicKey, SignatureHashFunc: crypto.SHA256,
		}
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{&root.FulcioCertificateAuthority{
			Root: i.root, Intermediates: []*x509.Certificate{i.issuer}, ValidityPeriodStart: start, URI: fulcioURL,
		}},
		ctLogs,
		[]root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{
			Root: i.root, Leaf: i.tsa, ValidityPeriodStart: start, URI: tsaURL,
		}},
		logs)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := trusted.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
