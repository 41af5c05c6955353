package sigstore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/sign"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// certified is the key of the run with its certificate. It is the library's certificate
// provider for every statement, so that one token and one certificate do for all.
type certified struct {
	sign.Keypair
	der      []byte
	identity attest.Identity
}

// GetCertificate implements [sign.CertificateProvider].
func (c *certified) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return c.der, nil
}

// check compares the certificate with the key, the identity and the trust root, so that
// a wrong one never reaches the log.
func (c *certified) check(s *services) error {
	cert, err := x509.ParseCertificate(c.der)
	if err != nil {
		return badCertificate(err)
	}
	public, ok := c.GetPublicKey().(*ecdsa.PublicKey)
	if !ok {
		return badCertificate(errors.New("the key is not of the kind that was made"))
	}
	if err := cryptoutils.EqualKeys(cert.PublicKey, public); err != nil {
		return badCertificate(err)
	}
	summary, err := certificate.SummarizeCertificate(cert)
	if err != nil {
		return badCertificate(err)
	}
	expected, err := policyIdentity(c.identity)
	if err != nil {
		return err
	}
	if err := expected.Verify(summary); err != nil {
		return badCertificate(err)
	}
	// Its own time, not ours: the clock of a self-hosted runner may be late. The log's
	// time is what a verifier compares with.
	chains, err := sigverify.VerifyLeafCertificate(cert.NotBefore, cert, s.root)
	if err != nil {
		return badCertificate(err)
	}
	if len(s.root.CTLogs()) > 0 {
		if err := sigverify.VerifySignedCertificateTimestamp(chains, 1, s.root); err != nil {
			return badCertificate(err)
		}
	}
	return nil
}

func badCertificate(err error) error {
	return &problem.Problem{
		Code: problem.BundleInvalid,
		What: "Fulcio, the certificate authority, gave a certificate that does not verify.",
		Why:  err.Error(),
		Fix:  "Nothing was signed. Check that trusted-root belongs to the Fulcio that signs, and that the clock of a self-hosted runner is right.",
		Err:  err,
	}
}

// newBundle keeps the bytes: the envelope as it went to the log, the bundle as it will be
// stored.
func newBundle(proto *protobundle.Bundle, st *attest.Statement, id attest.Identity, s *services) (*attest.Bundle, error) {
	// Rekor hashes the envelope as this encodes it, and verifiers compare with that.
	envelope, err := json.Marshal(proto.GetDsseEnvelope())
	if err != nil {
		return nil, fmt.Errorf("encode envelope: %w", err)
	}
	encoded, err := protojson.Marshal(proto)
	if err != nil {
		return nil, fmt.Errorf("encode bundle: %w", err)
	}
	entries := proto.GetVerificationMaterial().GetTlogEntries()
	if len(entries) != 1 {
		return nil, malformed(fmt.Errorf("%d log entries instead of one", len(entries)))
	}
	index := entries[0].GetLogIndex()
	return &attest.Bundle{
		Statement: st,
		JSON:      encoded,
		Envelope:  envelope,
		Signer:    id,
		Entry: attest.LogEntry{
			Index:          index,
			URL:            s.entryURL(index),
			LogID:          hex.EncodeToString(entries[0].GetLogId().GetKeyId()),
			IntegratedTime: time.Unix(entries[0].GetIntegratedTime(), 0).UTC(),
		},
	}, nil
}

// verify checks a bundle as a verifier would that knows the identity, and that its
// payload is want, byte for byte.
func verify(s *services, id attest.Identity, encoded []byte, want *attest.Statement) error {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(encoded); err != nil {
		return err
	}
	verifier, err := sigverify.NewVerifier(s.root, s.required()...)
	if err != nil {
		return err
	}
	identity, err := policyIdentity(id)
	if err != nil {
		return err
	}
	digest, err := hex.DecodeString(want.About.Digest().Hex)
	if err != nil {
		return err
	}
	policy := sigverify.NewPolicy(
		sigverify.WithArtifactDigest(want.About.Digest().Algorithm, digest),
		sigverify.WithCertificateIdentity(identity))
	if _, err := verifier.Verify(&b, policy); err != nil {
		return err
	}
	if envelope := b.GetDsseEnvelope(); envelope == nil || !bytes.Equal(envelope.GetPayload(), want.Payload) {
		return errors.New("the signed statement is another one")
	}
	return nil
}

// required are the proofs that this Sigstore gives, each of which must be there.
func (s *services) required() []sigverify.VerifierOption {
	options := []sigverify.VerifierOption{
		sigverify.WithTransparencyLog(1),
		sigverify.WithIntegratedTimestamps(1),
	}
	if len(s.root.CTLogs()) > 0 {
		options = append(options, sigverify.WithSignedCertificateTimestamps(1))
	}
	if len(s.timestamp) > 0 {
		options = append(options, sigverify.WithSignedTimestamps(len(s.timestamp)))
	}
	return options
}

// policyIdentity expects the workflow, and also the repository, ref and commit of the
// run: every caller of a reusable workflow shares its SAN.
func policyIdentity(id attest.Identity) (sigverify.CertificateIdentity, error) {
	san, err := sigverify.NewSANMatcher(id.SAN, "")
	if err != nil {
		return sigverify.CertificateIdentity{}, fmt.Errorf("expected identity: %w", err)
	}
	issuer, err := sigverify.NewIssuerMatcher(id.Issuer, "")
	if err != nil {
		return sigverify.CertificateIdentity{}, fmt.Errorf("expected issuer: %w", err)
	}
	return sigverify.NewCertificateIdentity(san, issuer, certificate.Extensions{
		SourceRepositoryURI:    id.RepositoryURI,
		SourceRepositoryRef:    id.Ref,
		SourceRepositoryDigest: id.SHA,
	})
}

func notValid(st *attest.Statement, err error) error {
	return &problem.Problem{
		Code: problem.BundleInvalid,
		What: fmt.Sprintf("The signature of %s does not verify.", st.About.Ref),
		Why:  "What was signed and logged fails against the trust root: " + err.Error(),
		Fix:  "Nothing that does not verify was attached. Check that trusted-root belongs to the Sigstore that signs; else open an issue.",
		Err:  err,
	}
}
