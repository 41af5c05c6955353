package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// A ProxyError is the refusal of the proxy of HTTPS_PROXY to connect us with a host.
type ProxyError struct {
	Proxy  string // host of the proxy, with its port
	Host   string // to connect with, with its port
	Code   int
	Status string // as in "407 Proxy Authentication Required"
}

// Error is half a sentence.
func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered %s to the request to connect to %s", e.Proxy, e.Status, e.Host)
}

// connected looks at the answer of a proxy, of which net/http keeps two words. The login in the
// proxy's address is left out.
func connected(_ context.Context, proxy *url.URL, req *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Proxy: proxy.Host, Host: req.Host, Code: resp.StatusCode, Status: resp.Status}
}

// Blocked explains a connection that is not made however often it is tried: why is a sentence,
// fix what to type. Both are empty for other errors.
func Blocked(err error) (why, fix string) {
	if proxy, ok := errors.AsType[*ProxyError](err); ok {
		return fmt.Sprintf("The proxy %s, of HTTPS_PROXY, does not let us through to %s: it answered %s.", proxy.Proxy, proxy.Host, proxy.Status),
			"Check HTTPS_PROXY, which has the login too (http://user:password@host:port), and the rules of the proxy. A host that is reached without it belongs into NO_PROXY."
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "The certificate that came is not valid now: " + invalid.Detail + ".",
			"Check the clock of the runner. If it is right, whoever runs the host or the proxy has to renew the certificate."
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "The certificate that came is not valid for this name, or is of an authority that is not trusted: " + certificate.Err.Error() + ".",
			"Check the host name. An authority of your own, that of a registry or of a proxy, is trusted beside the public ones if the step has\n" +
				"  env:\n    SSL_CERT_DIR: ${{ github.workspace }}/authorities\nand this folder, and nothing else in it, the certificate as a file in PEM."
	}
	return "", ""
}
