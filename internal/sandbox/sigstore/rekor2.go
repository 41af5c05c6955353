package sigstore

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/sandbox/loopback"
)

const (
	rekor2BodyLimit = 4 << 20 // the server's own
	rekor2Known     = 256     // entries, the latest ones, that are refused when they come again: the server's own
	rekor2Poll      = 10 * time.Millisecond
	rekor2Batch     = 10 * time.Millisecond
	rekor2Interval  = 100 * time.Millisecond // between checkpoints, the least that Tessera takes
	rekor2Goodbye   = 5 * time.Second
)

// startRekor2 starts Rekor v2 on a tiled log in dir and returns it with the log's key.
//
// The command of rekor-tiles cannot run here. It takes ports, not listeners; it leaves the process
// when something fails; it stops for a signal to the process alone; and even then Tessera goes
// on to work in the folder of the log, because the command gives it a context that never ends.
// Its server packages are internal. So the gRPC service between its packages that are public
// (requests and their checks, entries, REST gateway, notes) and Tessera is ours: [tiledLog].
func startRekor2(ctx context.Context, servers *loopback.Group, dir string) (http.Handler, crypto.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader) // as the public instance has
	if err != nil {
		return nil, nil, fmt.Errorf("generate key of Rekor v2: %w", err)
	}
	storage := filepath.Join(dir, "rekor2")
	log, err := startTessera(ctx, servers, storage, private)
	if err != nil {
		return nil, nil, err
	}
	if _, log.id, err = note.KeyHash(rekor2Host, public); err != nil {
		return nil, nil, fmt.Errorf("make log ID of Rekor v2: %w", err)
	}
	gateway, err := rekor2Gateway(ctx, log)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.MaxBytesHandler(gateway, rekor2BodyLimit))
	// The server takes entries alone; what it wrote is for a web server to hand out.
	files := http.StripPrefix("/api/v2/", http.FileServer(http.Dir(storage)))
	mux.Handle("GET /api/v2/checkpoint", files)
	mux.Handle("GET /api/v2/tile/", files)
	return mux, public, nil
}

// startTessera starts what puts entries into the log's tree and signs its checkpoints.
func startTessera(ctx context.Context, servers *loopback.Group, dir string, key ed25519.PrivateKey) (*tiledLog, error) {
	options, err := appendOptions(ctx, key)
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, fmt.Errorf("make storage of Rekor v2: %w", err)
	}
	running, stop := context.WithCancel(ctx)
	appender, shutdown, reader, err := tessera.NewAppender(running, driver, options)
	if err != nil {
		stop()
		return nil, fmt.Errorf("start Tessera: %w", err)
	}
	servers.OnClose(func() error {
		defer stop()
		ctx, cancel := context.WithTimeout(running, rekor2Goodbye)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			return fmt.Errorf("stop Tessera: %w", err)
		}
		return nil
	})
	algorithms, err := rekor2Algorithms()
	if err != nil {
		return nil, err
	}
	return &tiledLog{
		algorithms: algorithms,
		add:        appender.Add,
		published:  tessera.NewPublicationAwaiter(running, reader.ReadCheckpoint, rekor2Poll),
		readTile:   reader.ReadTile,
	}, nil
}

func appendOptions(ctx context.Context, key ed25519.PrivateKey) (*tessera.AppendOptions, error) {
	signer, err := signature.LoadED25519Signer(key)
	if err != nil {
		return nil, fmt.Errorf("make signer of Rekor v2: %w", err)
	}
	notes, err := note.NewNoteSigner(ctx, rekor2Host, signer)
	if err != nil {
		return nil, fmt.Errorf("make note signer of Rekor v2: %w", err)
	}
	return tessera.NewAppendOptions().
		WithCheckpointSigner(notes).
		WithBatching(tessera.DefaultBatchMaxSize, rekor2Batch).
		WithCheckpointInterval(rekor2Interval).
		WithAntispam(rekor2Known, nil), nil
}

// rekor2Gateway turns REST into calls of the service as the server does: an unknown field of a
// request is an error, and the answer says 201.
func rekor2Gateway(ctx context.Context, service protobuf.RekorServer) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
			MarshalOptions: protojson.MarshalOptions{EmitUnpopulated: true},
		}}),
		runtime.WithForwardResponseOption(forwardStatus),
		runtime.WithOutgoingHeaderMatcher(func(name string) (string, bool) { return name, name == rekor2IndexHeader }))
	if err := protobuf.RegisterRekorHandlerServer(ctx, mux, service); err != nil {
		return nil, fmt.Errorf("register Rekor v2: %w", err)
	}
	return mux, nil
}
