package sigstore_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"

	"seal-image/internal/transport"
)

// instance is a small Sigstore behind HTTP. The log is sigstore-go's VirtualSigstore; the
// CA is our own, because that one issues no workflow identities and no SCTs.
type instance struct {
	log               *ca.VirtualSigstore
	root, issuer, tsa *x509.Certificate
	issuerKey         *ecdsa.PrivateKey
	ctKey, tsaKey     *ecdsa.PrivateKey
	tilesKey          *ecdsa.PrivateKey       // of the log of version 2
	noSCT             bool                    // certificates come without
	intercept         map[string]http.Handler // by host, instead of the service
	network           http.RoundTripper       // in which the hosts below are
	mu                sync.Mutex
	requests          map[string]int    // by host
	posted            map[string][]byte // log entries by UUID
	proposed          [][]byte          // what was sent to the log
}

const (
	fulcioURL = "http://fulcio.example.com"
	rekorURL  = "http://rekor.example.com"
	tsaURL    = "http://tsa.example.com/api/v1/timestamp"
)

// newInstance is an instance with a server.
func newInstance(t *testing.T) *instance {
	t.Helper()
	i := newServices(t)
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	pool := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}}
	t.Cleanup(pool.CloseIdleConnections)
	i.network = once{pool}
	return i
}

// newServices is an instance that is asked without a network.
func newServices(t *testing.T) *instance {
	t.Helper()
	i := &instance{intercept: map[string]http.Handler{}, requests: map[string]int{}, posted: map[string][]byte{}}
	var err error
	if i.log, err = ca.NewVirtualSigstore(); err != nil {
		t.Fatal(err)
	}
	var rootKey *ecdsa.PrivateKey
	if i.root, rootKey, err = ca.GenerateRootCa(); err != nil {
		t.Fatal(err)
	}
	if i.issuer, i.issuerKey, err = ca.GenerateFulcioIntermediate(i.root, rootKey); err != nil {
		t.Fatal(err)
	}
	i.ctKey, i.tsaKey, i.tilesKey = newKey(t), newKey(t), newKey(t)
	if i.tsa, err = ca.GenerateTSALeafCert(time.Now().Add(-5*time.Minute), i.tsaKey, i.root, rootKey); err != nil {
		t.Fatal(err)
	}
	i.network = direct{i}
	return i
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// direct calls the services within the process.
type direct struct{ services http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	asked := req.Clone(req.Context())
	asked.Host = req.URL.Host
	d.services.ServeHTTP(answer, asked)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp := answer.Result()
	resp.Request = req
	return resp, nil
}

// once gives up as our transport does, but at once.
type once struct{ next http.RoundTripper }

func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	if err == nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500) {
		return nil, transport.NewStatusError(resp)
	}
	return resp, err
}

func (i *instance) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	i.mu.Lock()
	i.requests[req.Host]++
	i.mu.Unlock()
	if h := i.intercept[req.Host]; h != nil {
		h.ServeHTTP(w, req)
		return
	}
	i.service(w, req)
}

// service answers as the service of that host does.
func (i *instance) service(w http.ResponseWriter, req *http.Request) {
	serve := map[string]func(*http.Request) (int, []byte, http.Header, error){
		"fulcio.example.com/api/v2/signingCert": i.certify,
		"rekor.example.com/api/v1/log/entries":  i.record,
		"rekor2.example.com/api/v2/log/entries": i.tile,
		"tsa.example.com/api/v1/timestamp":      i.stamp,
		"tsa2.example.com/api/v1/timestamp":     i.stamp,
	}[req.Host+req.URL.Path]
	if serve == nil {
		serve = i.entry
	}
	status, body, header, err := serve(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	for name := range header {
		w.Header().Set(name, header.Get(name))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// trustedRoot is the file that verifies what this instance says.
func (i *instance) trustedRoot(t *testing.T) []byte { return i.trust(t, nil) }

// trusted are the parts of a trusted root, for tests to change.
type trusted struct {
	authorities []root.CertificateAuthority
	ctLogs      map[string]*root.TransparencyLog
	timestamps  []root.TimestampingAuthority
	logs        map[string]*root.TransparencyLog
}

func withoutCTLog(parts *trusted) { parts.ctLogs = nil }

// trust is a trusted root with a change.
func (i *instance) trust(t *testing.T, change func(*trusted)) []byte {
	t.Helper()
	start := time.Now().Add(-time.Hour)
	ctID := logID(&i.ctKey.PublicKey)
	parts := &trusted{
		authorities: []root.CertificateAuthority{&root.FulcioCertificateAuthority{
			Root: i.root, Intermediates: []*x509.Certificate{i.issuer}, ValidityPeriodStart: start, URI: fulcioURL,
		}},
		ctLogs: map[string]*root.TransparencyLog{hex.EncodeToString(ctID): {
			BaseURL: "http://ct.example.com", ID: ctID, ValidityPeriodStart: start,
			HashFunc: crypto.SHA256, PublicKey: &i.ctKey.PublicKey, SignatureHashFunc: crypto.SHA256,
		}},
		timestamps: []root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{
			Root: i.root, Leaf: i.tsa, ValidityPeriodStart: start, URI: tsaURL,
		}},
		logs: map[string]*root.TransparencyLog{},
	}
	for id, log := range i.log.RekorLogs() {
		log.ID = logID(log.PublicKey)
		parts.logs[id] = log
	}
	id, log := i.tilesLog(start, time.Time{})
	parts.logs[id] = log
	if change != nil {
		change(parts)
	}
	all, err := root.NewTrustedRoot(root.TrustedRootMediaType01, parts.authorities, parts.ctLogs, parts.timestamps, parts.logs)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := all.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
