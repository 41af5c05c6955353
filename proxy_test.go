package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// proxy HOST SERVER [STATUS]: starts the proxy of a company and sets $PROXY to its address, which
// has a login in it. It leads connections to HOST, a name that only it knows, to SERVER, which
// speaks plain http, and makes them https with a certificate of its own authority, which it writes
// to authorities/company.pem. With STATUS it refuses all. What it was asked for is in $WORK/asked.
func startProxy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: proxy HOST SERVER [STATUS]")
	}
	p := &proxy{host: args[0], asked: ts.MkAbs("asked")}
	if len(args) == 3 {
		status, err := strconv.Atoi(args[2])
		ts.Check(err)
		p.status = status
	}
	certificate, authority, err := companyCertificate(p.host)
	ts.Check(err)
	target := &url.URL{Scheme: "http", Host: strings.TrimPrefix(args[1], "http://")}
	inside := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}})
	inside.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	inside.Config.ErrorLog = log.New(io.Discard, "", 0)
	inside.StartTLS()
	p.inside = inside.Listener.Addr().String()
	server := httptest.NewServer(p)
	ts.Defer(inside.Close)
	ts.Defer(server.CloseClientConnections)
	ts.Check(os.MkdirAll(ts.MkAbs("authorities"), 0o755))
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs("authorities"), "company.pem"), authority, 0o644))
	ts.Check(os.WriteFile(p.asked, nil, 0o644))
	address := url.URL{Scheme: "http", User: url.UserPassword(proxyUser, proxyPassword), Host: server.Listener.Addr().String()}
	of(ts).proxy = address.Host
	ts.Setenv("PROXY", address.String())
}

// proxyPassword is a secret like those of the job: no run may leave it anywhere.
const proxyUser, proxyPassword = "company-user", "the proxy's / word"

// proxy answers CONNECT. It is asked for nothing else: plain http is for hosts of its own.
type proxy struct {
	host, inside, asked string
	status              int // of every answer; 0: it serves

	mu sync.Mutex
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.note(r)
	switch {
	case p.status != 0:
		http.Error(w, "<html>no</html>", p.status)
		return
	case r.Method != http.MethodConnect || r.Host != p.host+":443":
		http.Error(w, "<html>not known</html>", http.StatusForbidden)
		return
	}
	out, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(r.Context(), "tcp", p.inside)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = out.Close()
		return
	}
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
	_ = in.Close()
}

// note adds a line to what was asked: method, host, and whose login it is.
func (p *proxy) note(r *http.Request) {
	login := "without login"
	wanted := "Basic " + base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword))
	if r.Header.Get("Proxy-Authorization") == wanted {
		login = "as " + proxyUser
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f, err := os.OpenFile(p.asked, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return // the script has ended
	}
	defer f.Close()
	fmt.Fprintln(f, r.Method, r.Host, login)
}

// companyCertificate is a certificate for host, and its authority in PEM.
func companyCertificate(host string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, Subject: pkix.Name{CommonName: "Company CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
