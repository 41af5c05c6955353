package sigstore

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"

	"github.com/go-openapi/runtime"
	"github.com/go-openapi/runtime/middleware"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/timestamp-authority/v2/pkg/api"
	"github.com/sigstore/timestamp-authority/v2/pkg/generated/restapi/operations/timestamp"
	"github.com/spf13/viper"
)

// TimestampPath is where the timestamp authority answers.
const TimestampPath = "/api/v1/timestamp"

const (
	certChainPath    = TimestampPath + "/certchain"
	timestampLimit   = 1 << 20               // bytes of a request
	timestampPolicy  = "1.3.6.1.4.1.57264.2" // of the public instance
	timestampHash    = "sha256"              // of the signature
	timestampReply   = "application/timestamp-reply"
	certificateChain = "application/pem-certificate-chain"
)

// startTimestamp starts the timestamp authority and returns it with its chain, leaf first.
//
// The router around its handlers is ours: the generated one cannot be linked beside Rekor's,
// because both define a flag named "scheme" when they are loaded, which panics.
func startTimestamp() (http.Handler, []*x509.Certificate, error) {
	viper.Set("timestamp-signer", "memory")
	viper.Set("timestamp-signer-hash", timestampHash)
	viper.Set("accepted-policy-oids", []string{timestampPolicy})
	viper.Set("default-policy-oid", timestampPolicy)
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
	encoded, err := read(mux, certChainPath)
	if err != nil {
		return nil, nil, fmt.Errorf("ask timestamp authority for its chain: %w", err)
	}
	chain, err := cryptoutils.UnmarshalCertificatesFromPEM(encoded)
	if err != nil {
		return nil, nil, fmt.Errorf("decode chain of the timestamp authority: %w", err)
	}
	return mux, chain, nil
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
