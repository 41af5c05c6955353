package sigstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/sigstore/fulcio/pkg/server"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// rekor2IndexHeader is where the answer to an entry that is known already says its index.
const rekor2IndexHeader = "x-log-index"

// A tiledLog is the gRPC service of Rekor v2 for a log that takes entries; it behaves as the one of
// rekor-tiles.
type tiledLog struct {
	protobuf.UnimplementedRekorServer

	id         []byte
	algorithms *signature.AlgorithmRegistryConfig
	add        tessera.AddFn
	published  *tessera.PublicationAwaiter
	readTile   client.TileFetcherFunc
}

// CreateEntry puts an entry into the log and answers with it, and with the proof that it is there.
func (t *tiledLog) CreateEntry(ctx context.Context, r *protobuf.CreateEntryRequest) (*protorekor.TransparencyLogEntry, error) {
	request := r.GetHashedRekordRequestV002()
	if request == nil {
		return nil, status.Error(codes.InvalidArgument, "invalid type, must be hashedrekord")
	}
	entry, err := hashedrekord.ToLogEntry(request, t.algorithms)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "invalid hashedrekord request")
	}
	body, err := canonical(entry)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "invalid entry")
	}
	// The awaiter tells everyone who waits of the first context that ends.
	index, checkpoint, err := t.published.Await(context.WithoutCancel(ctx), t.add(ctx, tessera.NewEntry(body)))
	if err != nil {
		return nil, integrationFailed(err)
	}
	if index.IsDup {
		_ = grpc.SetHeader(ctx, metadata.Pairs(rekor2IndexHeader, strconv.FormatUint(index.Index, 10))) // fails without a request alone
		return nil, status.Errorf(codes.AlreadyExists,
			"an equivalent entry already exists in the transparency log with index %d", index.Index)
	}
	proof, err := t.proof(ctx, index.Index, checkpoint)
	if err != nil {
		return nil, integrationFailed(err)
	}
	_ = grpc.SetHeader(ctx, metadata.Pairs(server.HTTPResponseCodeMetadataKey, "201")) // for forwardStatus; as above
	return &protorekor.TransparencyLogEntry{
		LogIndex:          proof.GetLogIndex(),
		LogId:             &protocommon.LogId{KeyId: t.id},
		KindVersion:       &protorekor.KindVersion{Kind: entry.GetKind(), Version: entry.GetApiVersion()},
		InclusionProof:    proof,
		CanonicalizedBody: body,
	}, nil
}

func integrationFailed(err error) error {
	switch {
	case errors.Is(err, tessera.ErrPushback):
		return status.Error(codes.Unavailable, "reached max pushback; retry")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	default:
		return status.Error(codes.Unknown, "failed to integrate entry")
	}
}

func canonical(entry *protobuf.Entry) ([]byte, error) {
	encoded, err := protojson.Marshal(entry)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	body, err := jsoncanonicalizer.Transform(encoded)
	if err != nil {
		return nil, fmt.Errorf("make entry canonical: %w", err)
	}
	return body, nil
}

// proof shows that the entry of an index is in the tree of a checkpoint.
func (t *tiledLog) proof(ctx context.Context, index uint64, envelope []byte) (*protorekor.InclusionProof, error) {
	var checkpoint log.Checkpoint
	if _, err := checkpoint.Unmarshal(envelope); err != nil {
		return nil, fmt.Errorf("parse checkpoint: %w", err)
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, t.readTile)
	if err != nil {
		return nil, fmt.Errorf("read tree of size %d: %w", checkpoint.Size, err)
	}
	hashes, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("prove inclusion of entry %d: %w", index, err)
	}
	return &protorekor.InclusionProof{
		LogIndex:   int64(index),
		RootHash:   checkpoint.Hash,
		TreeSize:   int64(checkpoint.Size),
		Hashes:     hashes,
		Checkpoint: &protorekor.Checkpoint{Envelope: string(envelope)},
	}, nil
}

// rekor2Algorithms are those that the server lets clients sign with.
func rekor2Algorithms() (*signature.AlgorithmRegistryConfig, error) {
	algorithms, err := signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		protocommon.PublicKeyDetails_PKIX_ED25519,
		protocommon.PublicKeyDetails_PKIX_ED25519_PH,
	})
	if err != nil {
		return nil, fmt.Errorf("list algorithms of Rekor v2: %w", err)
	}
	return algorithms, nil
}
