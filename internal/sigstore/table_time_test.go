package sigstore_test

import (
	"crypto/x509"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// timeCases are about when something was signed: who says so, and whether the certificate
// was valid then. Its first and last second belong to it.
var timeCases = []bundleCase{
	{name: "of the log, first second", fault: signedAt(validFrom(0))},
	{name: "of the log, before the certificate", fault: signedAt(validFrom(time.Second)), words: "integrated time outside certificate validity"},
	{name: "of the log, last second", fault: signedAt(validUntil(0))},
	{name: "of the log, after the certificate", fault: signedAt(validUntil(-time.Second)), words: "integrated time outside certificate validity"},
	{name: "of the log, after the certificate, layer", signed: layerSig, fault: signedAt(validUntil(-time.Second)), words: "integrated time outside certificate validity"},
	{name: "of the log, before the intermediate", fault: func(s *signing) {
		s.logs[0].at = s.now.Add(-10 * time.Minute)
		certificate(func(c *x509.Certificate) { c.NotBefore = s.now.Add(-time.Hour) })(s)
	}, words: "leaf certificate verification failed"},
	{name: "of the authority, first second", signed: version2, fault: signedAt(validFrom(0))},
	{name: "of the authority, before the certificate", signed: version2, fault: signedAt(validFrom(time.Second)), words: "leaf certificate verification failed"},
	{name: "of the authority, last second", signed: proven, fault: signedAt(validUntil(0))},
	{name: "of the authority, after the certificate", signed: proven, fault: signedAt(validUntil(-time.Second)), words: "leaf certificate verification failed"},
	{name: "of the log is right, of the authority late", signed: stamped, fault: func(s *signing) {
		s.stamps[0].at = s.now.Add(2 * time.Minute)
		certificate(func(c *x509.Certificate) { c.NotAfter = s.now.Add(time.Minute) })(s)
	}, words: "leaf certificate verification failed"},
	{name: "of the authority is right, of the log late", signed: stamped, fault: func(s *signing) {
		s.logs[0].at = s.now.Add(2 * time.Minute)
		certificate(func(c *x509.Certificate) { c.NotAfter = s.now.Add(time.Minute) })(s)
	}, words: "integrated time outside certificate validity"},
	{name: "none, proof alone", signed: proven, fault: func(s *signing) { s.stamps = nil }, words: "threshold not met"},
	{name: "none, version 2", signed: version2, fault: func(s *signing) { s.stamps = nil }, words: "threshold not met"},
	{
		name: "none, version 2 with a time that nobody signed", signed: version2, fault: func(s *signing) { s.stamps = nil },
		change: set(entryAt+".integratedTime", "1"), words: "integrated time outside certificate validity",
	},

	{name: "two of one authority", signed: version2, fault: func(s *signing) { s.stamps = append(s.stamps, s.stamps[0]) }},
	{name: "with the certificate of the authority", signed: version2, fault: func(s *signing) { s.stamps[0].embedded = true }},
	{name: "of an unknown authority beside the log's", signed: stamped, fault: func(s *signing) { s.stamps[0].by = s.stranger() }},
	{name: "of an unknown authority", signed: version2, fault: func(s *signing) { s.stamps[0].by = s.stranger() }, words: "threshold not met"},
	{name: "of an unknown authority, its certificate embedded", signed: version2, fault: func(s *signing) { s.stamps[0].by, s.stamps[0].embedded = s.stranger(), true }, words: "threshold not met"},
	{name: "of an unknown and a known authority", signed: version2, fault: func(s *signing) { s.stamps = append([]stamping{{by: s.stranger(), at: s.now}}, s.stamps...) }},
	{name: "no timestamps", signed: version2, change: drop(stampsAt), words: "threshold not met"},
	{name: "timestamp of no bytes", signed: version2, change: set(stampAt, ""), words: "threshold not met"},
	{name: "one bit of the timestamp", signed: version2, change: flip(stampAt), words: "threshold not met"},
	{name: "timestamp of another bundle", signed: version2, change: swap(stampAt), words: "threshold not met"},
	{name: "40 timestamps", signed: version2, fault: func(s *signing) {
		for range 39 {
			s.stamps = append(s.stamps, s.stamps[0])
		}
	}, words: "too many signed timestamps"},
	{name: "authority not yet in service", signed: version2, root: authoritySince(time.Second), words: "timestamp is before the validity period start"},
	{name: "authority no longer in service", signed: version2, root: authorityUntil(-time.Second), words: "timestamp is after the validity period end"},
	{name: "authority in service for the second", signed: version2, root: rootAll(authoritySince(0), authorityUntil(0))},
	{name: "outside of the authority's certificate", signed: version2, fault: func(s *signing) {
		s.stamps[0].at = s.now.Add(-30 * time.Minute)
		certificate(func(c *x509.Certificate) { c.NotBefore = s.now.Add(-time.Hour) })(s)
	}, words: "threshold not met"},
	{name: "authority of the same name with another key", signed: version2, root: eachTSA(func(s *signing, a *root.SigstoreTimestampingAuthority) { a.Leaf = s.stranger().tsa }), words: "threshold not met"},
	{name: "authority without its own certificate", signed: version2, root: eachTSA(func(_ *signing, a *root.SigstoreTimestampingAuthority) { a.Leaf = nil }), words: "threshold not met"},
	{
		name: "authority without its own certificate, which is embedded", signed: version2,
		fault: func(s *signing) { s.stamps[0].embedded = true }, root: eachTSA(func(_ *signing, a *root.SigstoreTimestampingAuthority) { a.Leaf = nil }),
	},
}

// signedAt changes the certificate by the time of signing.
func signedAt(change func(now time.Time, c *x509.Certificate)) func(*signing) {
	return func(s *signing) { certificate(func(c *x509.Certificate) { change(s.now, c) })(s) }
}

func validFrom(after time.Duration) func(time.Time, *x509.Certificate) {
	return func(now time.Time, c *x509.Certificate) { c.NotBefore = now.Add(after) }
}

func validUntil(after time.Duration) func(time.Time, *x509.Certificate) {
	return func(now time.Time, c *x509.Certificate) { c.NotAfter = now.Add(after) }
}

func eachTSA(change func(*signing, *root.SigstoreTimestampingAuthority)) rootChange {
	return func(s *signing, parts *trusted) {
		for _, a := range parts.timestamps {
			change(s, a.(*root.SigstoreTimestampingAuthority))
		}
	}
}

func authoritySince(after time.Duration) rootChange {
	return eachTSA(func(s *signing, a *root.SigstoreTimestampingAuthority) { a.ValidityPeriodStart = s.now.Add(after) })
}

func authorityUntil(after time.Duration) rootChange {
	return eachTSA(func(s *signing, a *root.SigstoreTimestampingAuthority) { a.ValidityPeriodEnd = s.now.Add(after) })
}
