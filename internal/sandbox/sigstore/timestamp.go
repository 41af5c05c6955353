package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/go-openapi/runtime"
	"github.com/go-openapi/runtime/middleware"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/timestamp-authority/v2/pkg/api"
	"github.com/sigstore/timestamp-authority/v2/pkg/generated/restapi/operations/timestamp"
	"github.com/sigstore/timestamp-authority/v2/pkg/signer"
	"github.com/spf13/viper"
)

// TimestampPath is where the timestamp authority answers.
const TimestampPath = "/api/v1/timestamp"

const (
	certChainPath    = TimestampPath + "/certchain"
	timestampLimit   = 1 << 20  // bytes of a request
	timestampHash    = "sha256" // of the signature
	timestampReply   = "application/timestamp-reply"
	certificateChain = "application/pem-certificate-chain"
)

// TimestampPolicy is what timestamps say they were made by, the policy of the public instance.
func TimestampPolicy() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}
}

// A TimestampAuthority is what one signs timestamps with.
type TimestampAuthority struct {
	Key   crypto.Signer
	Chain []*x509.Certificate // leaf first
}

// NewTimestampAuthority makes one with new keys, as the server makes one for itself.
func NewTimestampAuthority() (*TimestampAuthority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key of the timestamp authority: %w", err)
	}
	chain, err := signer.NewTimestampingCertWithChain(key)
	if err != nil {
		return nil, fmt.Errorf("certify timestamp authority: %w", err)
	}
	return &TimestampAuthority{Key: key, Chain: chain}, nil
}

// startTimestamp starts the timestamp authority and returns it with what it signs with.
//
// The router around its handlers is ours: the generated one cannot be linked beside Rekor's,
// because both define a flag named "scheme" when they are loaded, which panics.
func startTimestamp(dir string) (http.Handler, *TimestampAuthority, error) {
	authority, err := NewTimestampAuthority()
	if err != nil {
		return nil, nil, err
	}
	if err := authority.write(dir); err != nil {
		return nil, nil, err
	}
	viper.Set("timestamp-signer", signer.FileScheme)
	viper.Set("timestamp-signer-hash", timestampHash)
	viper.Set("accepted-policy-oids", []string{TimestampPolicy().String()})
	viper.Set("default-policy-oid", TimestampPolicy().String())
	if err := configure(api.ConfigureAPI); err != nil {
		return nil, nil, fmt.Errorf("start timestamp authority: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+TimestampPath, func(w http.ResponseWriter, r *http.Request) {
		body := http.MaxBytesReader(w, r.Body, timestampLimit)
		respond(w, timestampReply, api.TimestampResponseHandler(
			timestamp.GetTimestampResponseParams{HTTPRequest: r, Request: body}))
	})
	mux.HandleFunc("GET "+certChainPath, func(w http.ResponseWriter, r *http.Request) {
		respond(w, certificateChain, api.GetTimestampCertChainHandler(
			timestamp.GetTimestampCertChainParams{HTTPRequest: r}))
	})
	return mux, authority, nil
}

// write writes the files that the server reads, and tells it where they are.
func (t *TimestampAuthority) write(dir string) error {
	key, err := cryptoutils.MarshalPrivateKeyToPEM(t.Key)
	if err != nil {
		return fmt.Errorf("encode key of the timestamp authority: %w", err)
	}
	chain, err := cryptoutils.MarshalCertificatesToPEM(t.Chain)
	if err != nil {
		return fmt.Errorf("encode chain of the timestamp authority: %w", err)
	}
	for option, content := range map[string][]byte{"file-signer-key-path": key, "certificate-chain-path": chain} {
		path := filepath.Join(dir, "timestamp-"+option+".pem")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write file of the timestamp authority: %w", err)
		}
		viper.Set(option, path)
	}
	return nil
}

func respond(w http.ResponseWriter, contentType string, answer middleware.Responder) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	answer.WriteResponse(w, runtime.ProducerFunc(produce))
}

// produce encodes an answer by its type, where the generated router goes by its media type.
func produce(w io.Writer, answer any) error {
	switch answer := answer.(type) {
	case io.Reader:
		return runtime.ByteStreamProducer().Produce(w, answer)
	case string:
		return runtime.TextProducer().Produce(w, answer)
	default:
		return runtime.JSONProducer().Produce(w, answer)
	}
}
