package sigstore

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/config"
	"github.com/sigstore/fulcio/pkg/identity"

	"seal-image/internal/sandbox/loopback"
)

// Impostors are Fulcios like the true one, that all but one thing is right with.
type Impostors struct {
	AnotherAuthority http.Handler // has a CA that nobody trusts; the CT log takes its certificates
	WithoutSCT       http.Handler // logs nothing
	WrongSCT         http.Handler // logs in a CT log that nobody trusts
	Expired          http.Handler // makes certificates that ended an hour ago
}

// certificates are Fulcio, its impostors, and what to trust of them.
type certificates struct {
	fulcio    http.Handler
	impostors *Impostors
	root      *x509.Certificate
	ctLog     crypto.PublicKey
}

func startCertificates(ctx context.Context, servers *loopback.Group, trillian, dir string) (*certificates, error) {
	authority, err := newAuthority(ctx)
	if err != nil {
		return nil, err
	}
	another, err := newAuthority(ctx)
	if err != nil {
		return nil, err
	}
	var logs [2]*ctLog
	for i, name := range []string{"ctlog", "another-ctlog"} {
		logDir := filepath.Join(dir, name)
		if err := os.MkdirAll(logDir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory of a CT log: %w", err)
		}
		logs[i], err = startCTLog(ctx, servers, ctLogOptions{
			trillian: trillian, dir: logDir, roots: []*x509.Certificate{authority.root, another.root},
		})
		if err != nil {
			return nil, err
		}
	}
	all := &certificates{impostors: &Impostors{}, root: authority.root, ctLog: logs[0].key}
	return all, all.start(ctx, authority, another, logs)
}

func (c *certificates) start(ctx context.Context, authority, another *authority, logs [2]*ctLog) error {
	cfg, err := config.Read(fulcioConfig)
	if err != nil {
		return fmt.Errorf("read Fulcio's config: %w", err)
	}
	for _, server := range []struct {
		handler   *http.Handler
		authority ca.CertificateAuthority
		log       *ctLog
	}{
		{&c.fulcio, authority, logs[0]},
		{&c.impostors.AnotherAuthority, another, logs[0]},
		{&c.impostors.WithoutSCT, authority, nil},
		{&c.impostors.WrongSCT, authority, logs[1]},
		{&c.impostors.Expired, expiring{authority}, logs[0]},
	} {
		if *server.handler, err = newFulcio(ctx, cfg, server.authority, server.log); err != nil {
			return err
		}
	}
	return nil
}

// expiring is a CA whose certificates have ended. The CT log does not mind.
type expiring struct{ *authority }

// CreatePrecertificate implements [ca.EmbeddedSCTCA].
func (e expiring) CreatePrecertificate(
	ctx context.Context, principal identity.Principal, key crypto.PublicKey,
) (*ca.CodeSigningPreCertificate, error) {
	return e.authority.CreatePrecertificate(ctx, past{principal}, key)
}

// past is a principal whose certificates are of the time before, since the CA asks it last.
type past struct{ identity.Principal }

// Embed implements [identity.Principal].
func (p past) Embed(ctx context.Context, cert *x509.Certificate) error {
	lifetime := cert.NotAfter.Sub(cert.NotBefore)
	cert.NotAfter = time.Now().Add(-time.Hour)
	cert.NotBefore = cert.NotAfter.Add(-lifetime)
	return p.Principal.Embed(ctx, cert)
}
