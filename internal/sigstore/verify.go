package sigstore

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/transparency-dev/merkle/rfc6962"

	"seal-image/internal/attest"
)

// verifier verifies against a trust root, and nothing that comes with a signature.
type verifier struct{ root *root.TrustedRoot }

// verify checks b completely: chain, SCT, log, times, signature, that it is about what st
// is about, and who has signed. times say where the time of the signature comes from. What
// makes the library panic is an error.
func (v verifier) verify(b *bundle.Bundle, st *attest.Statement, p policy, times ...sigverify.VerifierOption) (signer certificate.Summary, err error) {
	defer recovered(&err)
	entries, err := b.TlogEntries()
	if err != nil {
		return signer, err
	}
	library, err := sigverify.NewVerifier(v.root, append(v.proofs(b, entries), times...)...)
	if err != nil {
		return signer, err
	}
	artifact := sigverify.WithArtifact(bytes.NewReader(st.Payload))
	if !st.IsSimpleSigning() {
		digest, err := hex.DecodeString(st.About.Digest().Hex)
		if err != nil {
			return signer, err
		}
		artifact = sigverify.WithArtifactDigest(st.About.Digest().Algorithm, digest)
	}
	result, err := library.Verify(b, sigverify.NewPolicy(artifact, sigverify.WithCertificateIdentity(p.identity)))
	if err != nil {
		return signer, withoutNil(err)
	}
	if err := v.checkEntries(b, entries, result.VerifiedTimestamps); err != nil {
		return signer, err
	}
	signer = *result.Signature.Certificate
	return signer, p.check(signer)
}

// withoutNil drops what the library prints of a cause that it does not have.
func withoutNil(err error) error {
	if words, ok := strings.CutSuffix(err.Error(), "; error: %!w(<nil>)"); ok {
		return errors.New(words)
	}
	return err
}

// proofs are what this trust root can verify, each of which must be there. A log entry or an
// SCT that it cannot verify is no proof either, and speaks of another Sigstore.
func (v verifier) proofs(b *bundle.Bundle, entries []*tlog.Entry) []sigverify.VerifierOption {
	required := []sigverify.VerifierOption{sigverify.WithoutStatementPredicate()} // tens of megabytes
	if len(v.root.RekorLogs()) > 0 || len(entries) > 0 {
		required = append(required, sigverify.WithTransparencyLog(max(1, len(entries))))
	}
	if len(v.root.CTLogs()) > 0 || hasSCT(leaf(b.GetVerificationMaterial())) {
		required = append(required, sigverify.WithSignedCertificateTimestamps(1))
	}
	return required
}

// sctList is the extension with the promises of CT logs (RFC 6962, section 3.3).
var sctList = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

func hasSCT(der []byte) bool {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return false // the chain is refused for the same reason
	}
	for _, e := range cert.Extensions {
		if e.Id.Equal(sctList) {
			return true
		}
	}
	return false
}

// checkEntries checks two things that the library leaves out: that a body of version 2 is
// that of this signature, and that a log which gives no time of its own was in service at
// the times that others give.
func (v verifier) checkEntries(b *bundle.Bundle, entries []*tlog.Entry, times []sigverify.TimestampVerificationResult) error {
	for _, e := range entries {
		log := v.root.RekorLogs()[hex.EncodeToString([]byte(e.LogKeyID()))] // was verified: it is there
		if err := sameSignature(b, e); err != nil {
			return err
		}
		for _, t := range times {
			if !e.HasInclusionPromise() && !inService(log, t.Timestamp) {
				return fmt.Errorf("the log was not in service when this was signed, at %s", t.Timestamp.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}

func inService(log *root.TransparencyLog, at time.Time) bool {
	return !at.Before(log.ValidityPeriodStart) && (log.ValidityPeriodEnd.IsZero() || !at.After(log.ValidityPeriodEnd))
}

// sameSignature compares the body of an entry of version 2 with the one that this signature
// has. The library proves that the log has that one, and does not look at the body that came
// with it.
func sameSignature(b *bundle.Bundle, e *tlog.Entry) error {
	if !e.IsRekorV2() {
		return nil
	}
	content, err := b.SignatureContent()
	if err != nil {
		return err
	}
	key, err := entryKey(leaf(b.GetVerificationMaterial()))
	if err != nil {
		return err
	}
	signed := b.GetMessageSignature().GetMessageDigest().GetDigest()
	if envelope := b.GetDsseEnvelope(); envelope != nil {
		sum := sha256.Sum256(ssldsse.PAE(envelope.GetPayloadType(), envelope.GetPayload()))
		signed = sum[:]
	}
	want, err := hashedrekord.ToEntryHash(signed, &rekortiles.Signature{Content: content.Signature(), Verifier: key})
	if err != nil {
		return err
	}
	if got := rfc6962.DefaultHasher.HashLeaf(e.TransparencyLogEntry().GetCanonicalizedBody()); !bytes.Equal(got, want) {
		return errors.New("the log entry is that of another signature")
	}
	return nil
}

// entryKey is a certificate as an entry of version 2 has it.
func entryKey(der []byte) (*rekortiles.Verifier, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	details, err := signature.GetDefaultAlgorithmDetails(cert.PublicKey, options.WithED25519ph())
	if err != nil {
		return nil, err
	}
	return &rekortiles.Verifier{
		KeyDetails: details.GetSignatureAlgorithm(),
		Verifier:   &rekortiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: der}},
	}, nil
}

// chain are the authorities above a certificate that was verified, the root last.
func (v verifier) chain(der []byte) ([]*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	chains, err := sigverify.VerifyLeafCertificate(cert.NotBefore, cert, v.root)
	if err != nil {
		return nil, err
	}
	return chains[0][1:], nil
}

// open verifies what a registry serves, and returns what was signed.
func (v verifier) open(stored attest.Stored, about attest.Manifest, p policy, times ...sigverify.VerifierOption) (out *attest.Bundle, err error) {
	defer recovered(&err)
	b, err := read(stored)
	if err != nil {
		return nil, err
	}
	st, err := statementOf(b, stored.Layer, about)
	if err != nil {
		return nil, err
	}
	signer, err := v.verify(b, st, p, times...)
	if err != nil {
		return nil, err
	}
	chain, err := v.chain(leaf(b.GetVerificationMaterial()))
	if err != nil {
		return nil, err
	}
	if out, err = newBundle(b.Bundle, st, chain); err != nil {
		return nil, err
	}
	out.Signer = identityOf(signer)
	if stored.Form == attest.FormBundle {
		out.JSON = stored.Content
		return out, nil
	}
	out.Layer = stored.Layer
	out.JSON, err = encode(b.Bundle)
	return out, err
}

// read parses what a registry serves.
func read(stored attest.Stored) (*bundle.Bundle, error) {
	switch stored.Form {
	case attest.FormBundle:
		var b bundle.Bundle
		return &b, b.UnmarshalJSON(stored.Content)
	case attest.FormSig, attest.FormAtt:
		return layerBundle(stored.Form, stored.Layer)
	default:
		return nil, fmt.Errorf("the form %q is not signed", stored.Form)
	}
}
