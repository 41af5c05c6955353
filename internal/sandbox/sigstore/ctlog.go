package sigstore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/certificate-transparency-go/trillian/ctfe"
	"github.com/google/certificate-transparency-go/trillian/ctfe/configpb"
	"github.com/google/trillian"
	"github.com/google/trillian/client"
	"github.com/google/trillian/crypto/keys"
	"github.com/google/trillian/crypto/keys/der"
	"github.com/google/trillian/crypto/keyspb"
	"github.com/google/trillian/monitoring"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"seal-image/internal/sandbox/loopback"
)

const (
	ctPrefix   = "ct"
	ctDeadline = 10 * time.Second
	ctMaxDelay = 24 * 60 * 60 // seconds until an entry must be in the tree
)

// A ctLog is where Fulcio logs certificates before it hands them out.
type ctLog struct {
	url string
	key crypto.PublicKey
}

type ctLogOptions struct {
	trillian string              // address
	dir      string              // for the file that holds the accepted roots
	roots    []*x509.Certificate // the accepted roots
}

// startCTLog starts the CT log of certificate-transparency-go on a tree of its own.
func startCTLog(ctx context.Context, servers *loopback.Group, o ctLogOptions) (*ctLog, error) {
	conn, err := grpc.NewClient(o.trillian, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect CT log to Trillian: %w", err)
	}
	servers.OnClose(conn.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate CT log key: %w", err)
	}
	config, err := ctLogConfig(ctx, conn, key, o)
	if err != nil {
		return nil, err
	}
	instance, err := ctfe.SetUpInstance(ctx, ctfe.InstanceOptions{
		Validated:     config,
		Client:        trillian.NewTrillianLogClient(conn),
		Deadline:      ctDeadline,
		MetricFactory: monitoring.InertMetricFactory{},
		RequestLog:    new(ctfe.DefaultRequestLog),
	})
	if err != nil {
		return nil, fmt.Errorf("set up CT log: %w", err)
	}
	mux := http.NewServeMux()
	for path, handler := range instance.Handlers {
		mux.Handle(path, handler)
	}
	addr, err := servers.HTTP(ctx, mux)
	if err != nil {
		return nil, err
	}
	return &ctLog{url: "http://" + addr + "/" + ctPrefix, key: key.Public()}, nil
}

func ctLogConfig(
	ctx context.Context, conn *grpc.ClientConn, key *ecdsa.PrivateKey, o ctLogOptions,
) (*ctfe.ValidatedLogConfig, error) {
	tree, err := newTree(ctx, conn)
	if err != nil {
		return nil, err
	}
	private, err := privateKey(key)
	if err != nil {
		return nil, err
	}
	roots, err := cryptoutils.MarshalCertificatesToPEM(o.roots)
	if err != nil {
		return nil, fmt.Errorf("encode roots of the CT log: %w", err)
	}
	rootsFile := filepath.Join(o.dir, "ctlog-roots.pem")
	if err := os.WriteFile(rootsFile, roots, 0o600); err != nil {
		return nil, fmt.Errorf("write roots of the CT log: %w", err)
	}
	config, err := ctfe.ValidateLogConfig(&configpb.LogConfig{
		LogId:                 tree,
		Prefix:                ctPrefix,
		RootsPemFile:          []string{rootsFile},
		PrivateKey:            private,
		ExtKeyUsages:          []string{"CodeSigning"},
		MaxMergeDelaySec:      ctMaxDelay,
		ExpectedMergeDelaySec: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("validate CT log config: %w", err)
	}
	return config, nil
}

func newTree(ctx context.Context, conn *grpc.ClientConn) (int64, error) {
	tree, err := client.CreateAndInitTree(ctx, &trillian.CreateTreeRequest{Tree: &trillian.Tree{
		TreeState:       trillian.TreeState_ACTIVE,
		TreeType:        trillian.TreeType_LOG,
		DisplayName:     "ct log",
		MaxRootDuration: durationpb.New(0),
	}}, trillian.NewTrillianAdminClient(conn), trillian.NewTrillianLogClient(conn))
	if err != nil {
		return 0, fmt.Errorf("create tree of the CT log: %w", err)
	}
	return tree.GetTreeId(), nil
}

// privateKey packs a key the way the CT log's config carries it.
func privateKey(key *ecdsa.PrivateKey) (*anypb.Any, error) {
	keys.RegisterHandler(&keyspb.PrivateKey{}, der.FromProto)
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode CT log key: %w", err)
	}
	packed, err := anypb.New(&keyspb.PrivateKey{Der: raw})
	if err != nil {
		return nil, fmt.Errorf("pack CT log key: %w", err)
	}
	return packed, nil
}
