// Package sigstore runs the real servers of Sigstore inside this process: Fulcio with its CA, a
// CT log, Rekor in both versions and a timestamp authority. The CT log and Rekor v1 keep their
// entries in Trillian's memory storage, Rekor v2 keeps them in files. Keys are new at every start.
package sigstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"time"

	"seal-image/internal/sandbox/loopback"
)

// Sigstore is the running servers and the keys to trust.
type Sigstore struct {
	Fulcio    http.Handler
	Rekor     http.Handler
	Rekor2    http.Handler
	Timestamp http.Handler
	Impostors *Impostors
	Authority *TimestampAuthority // of Timestamp
	Trust     *Trust
}

// Start starts the servers. They end with the group and write their logs to dir.
//
// A process can do it once: Rekor and the timestamp authority keep their state in package
// variables. Fulcio looks for the token issuer while it starts, at the issuer's real URL.
func Start(ctx context.Context, servers *loopback.Group, dir string) (*Sigstore, error) {
	if err := logTo(servers, filepath.Join(dir, "servers.log")); err != nil {
		return nil, err
	}
	trillian, err := startTrillian(ctx, servers)
	if err != nil {
		return nil, err
	}
	certificates, err := startCertificates(ctx, servers, trillian, dir)
	if err != nil {
		return nil, err
	}
	rekor, rekorKey, err := startRekor(servers, trillian)
	if err != nil {
		return nil, err
	}
	rekor2, rekor2Key, err := startRekor2(ctx, servers, dir)
	if err != nil {
		return nil, err
	}
	timestamp, authority, err := startTimestamp(dir)
	if err != nil {
		return nil, err
	}
	return &Sigstore{
		Fulcio:    certificates.fulcio,
		Rekor:     rekor,
		Rekor2:    rekor2,
		Timestamp: timestamp,
		Impostors: certificates.impostors,
		Authority: authority,
		Trust: &Trust{
			authority: certificates.root,
			ctLog:     certificates.ctLog,
			rekor:     rekorKey,
			rekor2:    rekor2Key,
			timestamp: authority.Chain,
			since:     time.Now().Add(-time.Hour),
		},
	}, nil
}

// configure calls a server's ConfigureAPI, which panics where others return an error.
func configure(call func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("configure: %v", r)
		}
	}()
	call()
	return nil
}

// read asks a server for something it publishes, without a connection.
func read(server http.Handler, path string) ([]byte, error) {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody)) //nolint:noctx // there is no connection to end
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if answer.Code != http.StatusOK {
		return nil, fmt.Errorf("read %s: status %d: %s", path, answer.Code, body)
	}
	return body, nil
}
