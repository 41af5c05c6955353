package verifier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"testing"
	"time"

	ct "github.com/google/certificate-transparency-go"
	cttls "github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
	"github.com/google/certificate-transparency-go/x509util"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekorv1 "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"google.golang.org/protobuf/encoding/protojson"
)

// instance is a Sigstore instance in memory. sigstore-go's VirtualSigstore issues certificates without a signed
// certificate timestamp, so that this one has a certificate authority and a certificate log of its own; the
// signature log is VirtualSigstore's.
type instance struct {
	*ca.VirtualSigstore
	root, intermediate *x509.Certificate
	key, ctKey         *ecdsa.PrivateKey
}

func newInstance(t *testing.T) *instance {
	t.Helper()
	virtual := must(ca.NewVirtualSigstore())(t)
	rootCert, rootKey, err := ca.GenerateRootCa()
	check(t, err)
	intermediate, key, err := ca.GenerateFulcioIntermediate(rootCert, rootKey)
	check(t, err)
	return &instance{VirtualSigstore: virtual, root: rootCert, intermediate: intermediate, key: key, ctKey: newKey(t)}
}

func (i *instance) FulcioCertificateAuthorities() []root.CertificateAuthority {
	return []root.CertificateAuthority{&root.FulcioCertificateAuthority{
		Root: i.root, Intermediates: []*x509.Certificate{i.intermediate},
	}}
}

func (i *instance) CTLogs() map[string]*root.TransparencyLog {
	id := i.ctLogID()
	return map[string]*root.TransparencyLog{hex.EncodeToString(id[:]): {ID: id[:], PublicKey: i.ctKey.Public()}}
}

func (i *instance) ctLogID() [sha256.Size]byte {
	der, err := x509.MarshalPKIXPublicKey(i.ctKey.Public())
	if err != nil {
		panic(err) // a P-256 key
	}
	return sha256.Sum256(der)
}

// certificate issues what Fulcio would issue to a job on GitHub. Without logged it has no timestamp of the
// certificate log.
func (i *instance) certificate(t *testing.T, key *ecdsa.PrivateKey, logged bool) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7),
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(9 * time.Minute),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		URIs:         []*url.URL{must(url.Parse(identity))(t)},
		ExtraExtensions: []pkix.Extension{
			{Id: fulcioOID(8), Value: must(asn1.MarshalWithParams(issuer, "utf8"))(t)},
			{Id: fulcioOID(12), Value: must(asn1.MarshalWithParams(repository, "utf8"))(t)},
		},
	}
	issue := func() *x509.Certificate {
		der := must(x509.CreateCertificate(rand.Reader, template, i.intermediate, key.Public(), i.key))(t)
		return must(x509.ParseCertificate(der))(t)
	}
	cert := issue()
	if !logged {
		return cert
	}
	// The log signs the certificate as it is without the extension that will hold the timestamp.
	template.ExtraExtensions = append(template.ExtraExtensions, i.timestamp(t, cert.RawTBSCertificate))
	return issue()
}

func fulcioOID(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}
}

func (i *instance) timestamp(t *testing.T, tbs []byte) pkix.Extension {
	t.Helper()
	sct := &ct.SignedCertificateTimestamp{
		SCTVersion: ct.V1, LogID: ct.LogID{KeyID: i.ctLogID()}, Timestamp: uint64(time.Now().UnixMilli()),
	}
	input := must(ct.SerializeSCTSignatureInput(*sct, ct.LogEntry{Leaf: ct.MerkleTreeLeaf{
		LeafType: ct.TimestampedEntryLeafType,
		TimestampedEntry: &ct.TimestampedEntry{
			EntryType:    ct.PrecertLogEntryType,
			PrecertEntry: &ct.PreCert{IssuerKeyHash: sha256.Sum256(i.intermediate.RawSubjectPublicKeyInfo), TBSCertificate: tbs},
		},
	}}))(t)
	sct.Signature = ct.DigitallySigned(must(cttls.CreateSignature(*i.ctKey, cttls.SHA256, input))(t))
	list := must(x509util.MarshalSCTsIntoSCTList([]*ct.SignedCertificateTimestamp{sct}))(t)
	raw := must(cttls.Marshal(*list))(t)
	return pkix.Extension{Id: asn1.ObjectIdentifier(ctx509.OIDExtensionCTSCT), Value: must(asn1.Marshal(raw))(t)}
}

// sign returns the bundle of a statement.
func (i *instance) sign(t *testing.T, statement []byte, logged bool) *protobundle.Bundle {
	t.Helper()
	const payloadType = "application/vnd.in-toto+json"
	key := newKey(t)
	cert := i.certificate(t, key, logged)
	sum := sha256.Sum256(dsse.PAE(payloadType, statement))
	sig := must(ecdsa.SignASN1(rand.Reader, key, sum[:]))(t)
	envelope := &dsse.Envelope{
		PayloadType: payloadType,
		Payload:     base64.StdEncoding.EncodeToString(statement),
		Signatures:  []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(sig)}},
	}
	entry := i.logEntry(t, cert, envelope, sig)
	return &protobundle.Bundle{
		MediaType: bundleType,
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content: &protobundle.VerificationMaterial_Certificate{
				Certificate: &protocommon.X509Certificate{RawBytes: cert.Raw},
			},
			TlogEntries: []*rekorv1.TransparencyLogEntry{entry},
		},
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			PayloadType: payloadType, Payload: statement, Signatures: []*protodsse.Signature{{Sig: sig}},
		}},
	}
}

// logEntry adds to VirtualSigstore's entry what it keeps to itself and a bundle needs.
func (i *instance) logEntry(
	t *testing.T, cert *x509.Certificate, envelope *dsse.Envelope, sig []byte,
) *rekorv1.TransparencyLogEntry {
	t.Helper()
	entry := must(i.GenerateTlogEntry(cert, envelope, sig, time.Now().Unix(), true))(t).TransparencyLogEntry()
	promise := must(i.RekorSignPayload(tlog.RekorPayload{
		Body:           base64.StdEncoding.EncodeToString(entry.CanonicalizedBody),
		IntegratedTime: entry.IntegratedTime,
		LogIndex:       entry.LogIndex,
		LogID:          hex.EncodeToString(entry.LogId.KeyId),
	}))(t)
	entry.KindVersion = &rekorv1.KindVersion{Kind: "dsse", Version: "0.0.1"}
	entry.InclusionPromise = &rekorv1.InclusionPromise{SignedEntryTimestamp: promise}
	return entry
}

func encode(t *testing.T, b *protobundle.Bundle) []byte {
	t.Helper()
	return must(protojson.Marshal(b))(t)
}

// statement is text, so that the predicate enters it as it is: json.Marshal would escape the < in it.
func statement(digest string) []byte {
	const format = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":%q}}],` +
		`"predicateType":%q,"predicate":%s}`
	return fmt.Appendf(nil, format, digest, spdx, predicate)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

// must wraps a call that cannot fail in a test that is right.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
