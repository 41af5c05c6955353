package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"seal-image/internal/transport"
)

// TestBlocked: the advice is about what is wrong with a certificate.
func TestBlocked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err      error
		why, fix string // parts; empty: none
	}{
		"authority": {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "an authority that is not trusted", "SSL_CERT_DIR"},
		"name":      {&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}}, "not valid for this name", "Check the host name"},
		"expired":   {&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired, Detail: "it ended in 2020"}}, "not valid now: it ended in 2020.", "Check the clock"},
		"other":     {errors.New("connection reset"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why, fix := transport.Blocked(tt.err)
			if !strings.Contains(why, tt.why) || !strings.Contains(fix, tt.fix) || (why == "") != (tt.why == "") {
				t.Errorf("%q, %q", why, fix)
			}
		})
	}
}
