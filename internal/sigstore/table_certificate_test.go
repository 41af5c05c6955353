package sigstore_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// certificateCases are about the certificate, its authority and the promise of a CT log.
var certificateCases = []bundleCase{
	{name: "one bit", change: rewrite(leafAt+".rawBytes", inBase64(lastBit)), words: "transparency log certificate does not match"},
	{name: "of another run", change: swap(leafAt), words: "transparency log certificate does not match"},
	{name: "of another run, version 2", signed: version2, change: swap(leafAt), words: "verifying inclusion"},
	{name: "none", change: drop(leafAt), words: "missing verification material"},
	{name: "of no bytes", change: set(leafAt+".rawBytes", ""), words: "missing verification material"},
	{name: "no DER", change: set(leafAt+".rawBytes", base64.StdEncoding.EncodeToString([]byte("certificate"))), words: "malformed certificate"},
	{name: "empty chain", signed: func(s *signing) { stamped(s) }, change: all(set("mediaType", oldMediaType02), inChain, set("verificationMaterial.x509CertificateChain.certificates", []any{})), words: "missing verification material"},
	{name: "authority first in a chain", change: all(set("mediaType", oldMediaType02), inChain, authorityFirst), words: "transparency log certificate does not match"},
	{name: "authority behind it in a chain", change: all(set("mediaType", oldMediaType02), inChain, appended(chainAt, chainAt+".0"))},
	{name: "by another authority of the same name", fault: func(s *signing) { s.ca = s.stranger() }, words: "leaf certificate verification failed"},
	{name: "by another authority of the same name, layer", signed: layerAtt, fault: func(s *signing) { s.ca = s.stranger() }, words: "leaf certificate verification failed"},
	{name: "by another authority of the same name, version 2", signed: version2, fault: func(s *signing) { s.ca = s.stranger() }, words: "leaf certificate verification failed"},
	{name: "by itself", fault: func(s *signing) {
		own := s.stranger()
		own.issuerKey = s.key
		own.issuer = &x509.Certificate{Subject: s.home.issuer.Subject, RawSubject: s.home.issuer.RawSubject, PublicKey: &s.key.PublicKey}
		own.noSCT = true
		s.ca = own
	}, words: "leaf certificate verification failed"},
	{name: "of another key", signed: version2, fault: func(s *signing) { s.leafKey = newKey(s.t) }, words: "could not verify envelope"},
	{name: "for servers", fault: certificate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), words: "leaf certificate verification failed"},
	{name: "with an unknown critical extension", fault: certificate(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
	}), words: "leaf certificate verification failed"},
	{name: "without a name", fault: certificate(func(c *x509.Certificate) { c.URIs = nil }), words: "no Subject Alternative Name"},
	{name: "without an issuer of tokens", fault: certificate(func(c *x509.Certificate) { c.ExtraExtensions = c.ExtraExtensions[:0] }), words: "expected issuer value"},
	{name: "authority no longer in service", root: eachCA(func(s *signing, c *root.FulcioCertificateAuthority) { c.ValidityPeriodEnd = s.now.Add(-time.Second) }), words: "leaf certificate verification failed"},
	{name: "authority not yet in service", root: eachCA(func(s *signing, c *root.FulcioCertificateAuthority) { c.ValidityPeriodStart = s.now.Add(time.Second) }), words: "leaf certificate verification failed"},
	{name: "intermediate is unknown", root: eachCA(func(_ *signing, c *root.FulcioCertificateAuthority) { c.Intermediates = nil }), words: "leaf certificate verification failed"},
	{name: "intermediate is the root", root: eachCA(func(s *signing, c *root.FulcioCertificateAuthority) { c.Intermediates, c.Root = nil, s.home.issuer })},

	{name: "no SCT", fault: func(s *signing) { s.home.noSCT = true }, words: "only able to verify 0 SCT entries"},
	{name: "no SCT, layer", signed: layerSig, fault: func(s *signing) { s.home.noSCT = true }, words: "only able to verify 0 SCT entries"},
	{name: "no SCT, and no CT log to know it", fault: func(s *signing) { s.home.noSCT = true }, root: noCTLog},
	{name: "SCT, and no CT log to know it", root: noCTLog, words: "only able to verify 0 SCT entries"},
	{name: "SCT of an unknown CT log", fault: func(s *signing) { s.ca = otherCTLog(s) }, words: "only able to verify 0 SCT entries"},
	{name: "SCT of a CT log of the same ID with another key", root: ctLog(func(s *signing, l *root.TransparencyLog) { l.PublicKey = &newKey(s.t).PublicKey }), words: "only able to verify 0 SCT entries"},
	{name: "SCT of another certificate", fault: foreignSCT, words: "only able to verify 0 SCT entries"},
	{name: "SCT before the CT log was in service", root: ctLog(func(s *signing, l *root.TransparencyLog) { l.ValidityPeriodStart = s.now.Add(time.Minute) }), words: "only able to verify 0 SCT entries"},
	{name: "SCT after the CT log was in service", root: ctLog(func(s *signing, l *root.TransparencyLog) { l.ValidityPeriodEnd = s.now.Add(-time.Minute) }), words: "only able to verify 0 SCT entries"},
}

const chainAt = "verificationMaterial.x509CertificateChain.certificates"

func certificate(change func(*x509.Certificate)) func(*signing) {
	return func(s *signing) { s.template = change }
}

// lastBit is one of the signature of a certificate.
func lastBit(der []byte) []byte {
	der[len(der)-1] ^= 1
	return der
}

// authorityFirst puts another certificate in front of the one that signed.
func authorityFirst(b, other map[string]any) {
	put(b, chainAt, []any{get(other, leafAt), get(b, chainAt+".0")})
}

// otherCTLog is the same authority with a CT log that nobody knows.
func otherCTLog(s *signing) *instance {
	other := s.stranger()
	other.issuer, other.issuerKey = s.home.issuer, s.home.issuerKey
	return other
}

// foreignSCT embeds the promise to include another certificate.
func foreignSCT(s *signing) {
	promise, err := s.ca.sct(s.leaf())
	s.check(err)
	s.ca.noSCT = true
	certificate(func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, promise) })(s)
}

func noCTLog(_ *signing, parts *trusted) { withoutCTLog(parts) }

func ctLog(change func(*signing, *root.TransparencyLog)) rootChange {
	return func(s *signing, parts *trusted) {
		for _, l := range parts.ctLogs {
			change(s, l)
		}
	}
}

func eachCA(change func(*signing, *root.FulcioCertificateAuthority)) rootChange {
	return func(s *signing, parts *trusted) {
		for _, c := range parts.authorities {
			change(s, c.(*root.FulcioCertificateAuthority))
		}
	}
}
