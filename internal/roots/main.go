// Command roots prints the root certificates of Mozilla's NSS, as PEM, for the image's
// /etc/ssl/certs/ca-certificates.crt. go.mod fixes their version, so the image does not
// depend on the machine that builds it, and Dependabot keeps them new. They are a file and not linked into
// the action, because SSL_CERT_DIR adds to a file and would replace what is linked. As in the file of
// a distribution, dates after which a root is not trusted are lost.
package main

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "roots:", err)
		os.Exit(1)
	}
}

func run() error {
	out := bufio.NewWriter(os.Stdout)
	for root := range bundle.Roots() {
		if err := pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return err
		}
	}
	return out.Flush()
}
