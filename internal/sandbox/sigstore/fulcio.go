package sigstore

import (
	"context"
	"crypto/x509"
	_ "embed" // the config
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/ca/ephemeralca"
	"github.com/sigstore/fulcio/pkg/config"
	"github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/generated/protobuf/legacy"
	"github.com/sigstore/fulcio/pkg/server"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

const (
	fulcioBodyLimit = 4 << 20 // the server's own
	fulcioTimeout   = 30 * time.Second
)

//go:embed fulcio.yaml
var fulcioConfig []byte

// An authority is Fulcio's CA: one certificate that signs itself and the leaves.
type authority struct {
	*ephemeralca.EphemeralCA

	root *x509.Certificate
}

func newAuthority(ctx context.Context) (*authority, error) {
	ephemeral, err := ephemeralca.NewEphemeralCA()
	if err != nil {
		return nil, fmt.Errorf("make Fulcio's CA: %w", err)
	}
	chains, err := ephemeral.TrustBundle(ctx)
	if err != nil {
		return nil, fmt.Errorf("read Fulcio's CA: %w", err)
	}
	return &authority{EphemeralCA: ephemeral, root: chains[0][0]}, nil
}

// newFulcio makes Fulcio's REST API, the current one and the one of cosign 2, on top of its
// gRPC services as its own command does, but without a connection between the two. If there is
// no CT log, it logs nothing.
func newFulcio(ctx context.Context, cfg *config.FulcioConfig, a ca.CertificateAuthority, ct *ctLog) (http.Handler, error) {
	service, err := fulcioService(cfg, a, ct)
	if err != nil {
		return nil, err
	}
	mux := runtime.NewServeMux(
		runtime.WithMetadata(passToken),
		runtime.WithForwardResponseOption(forwardStatus))
	if err := protobuf.RegisterCAHandlerServer(ctx, mux, service); err != nil {
		return nil, fmt.Errorf("register Fulcio: %w", err)
	}
	if err := legacy.RegisterCAHandlerServer(ctx, mux, server.NewLegacyGRPCCAServer(service)); err != nil {
		return nil, fmt.Errorf("register Fulcio's legacy API: %w", err)
	}
	withConfig := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), cfg)))
	})
	return server.WithMaxBytes(withConfig, fulcioBodyLimit), nil
}

func fulcioService(cfg *config.FulcioConfig, a ca.CertificateAuthority, ct *ctLog) (server.GRPCCAServer, error) {
	log, err := ctLogClient(ct)
	if err != nil {
		return nil, err
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{ // Fulcio's default
		protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
		protocommon.PublicKeyDetails_PKIX_ED25519,
	})
	if err != nil {
		return nil, fmt.Errorf("list Fulcio's algorithms: %w", err)
	}
	return server.NewGRPCCAServer(log, a, algorithms, server.NewIssuerPool(cfg)), nil
}

// ctLogClient is nil if there is no log, as Fulcio has it.
func ctLogClient(ct *ctLog) (*ctclient.LogClient, error) {
	if ct == nil {
		return nil, nil
	}
	key, err := cryptoutils.MarshalPublicKeyToPEM(ct.key)
	if err != nil {
		return nil, fmt.Errorf("encode CT log key: %w", err)
	}
	log, err := ctclient.New(ct.url, &http.Client{Timeout: fulcioTimeout}, jsonclient.Options{PublicKey: string(key)})
	if err != nil {
		return nil, fmt.Errorf("make CT log client: %w", err)
	}
	return log, nil
}

// passToken hands the token of the legacy API to the service.
func passToken(_ context.Context, r *http.Request) metadata.MD {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return metadata.Pairs(server.MetadataOIDCTokenKey, token)
}

// forwardStatus turns what the service says about the HTTP answer into status and headers.
func forwardStatus(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
	md, ok := runtime.ServerMetadataFromContext(ctx)
	if !ok {
		return nil
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Grpc-") {
			w.Header().Del(name)
		}
	}
	if sct := md.HeaderMD.Get(server.SCTMetadataKey); len(sct) > 0 {
		w.Header().Set("SCT", sct[0])
	}
	if code := md.HeaderMD.Get(server.HTTPResponseCodeMetadataKey); len(code) > 0 {
		status, err := strconv.Atoi(code[0])
		if err != nil {
			return fmt.Errorf("parse status of Fulcio: %w", err)
		}
		w.WriteHeader(status)
	}
	return nil
}
