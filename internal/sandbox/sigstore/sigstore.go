// Package sigstore runs the real servers of Sigstore inside this process: Fulcio with its CA, a
// CT log, Rekor and a timestamp authority. Both logs keep their entries in Trillian's memory
// storage. Keys are new at every start, and nothing is left at the end.
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
	Timestamp http.Handler
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
	authority, err := newAuthority(ctx)
	if err != nil {
		return nil, err
	}
	ct, err := startCTLog(ctx, servers, ctLogOptions{trillian: trillian, dir: dir, authority: authority.root})
	if err != nil {
		return nil, err
	}
	fulcio, err := newFulcio(ctx, authority, ct)
	if err != nil {
		return nil, err
	}
	rekor, rekorKey, err := startRekor(servers, trillian)
	if err != nil {
		return nil, err
	}
	timestamp, chain, err := startTimestamp()
	if err != nil {
		return nil, err
	}
	return &Sigstore{
		Fulcio:    fulcio,
		Rekor:     rekor,
		Timestamp: timestamp,
		Trust: &Trust{
			authority: authority.root,
			ctLog:     ct.key,
			rekor:     rekorKey,
			timestamp: chain,
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
