package sigstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/sigstore-go/pkg/root"
	formats "github.com/transparency-dev/formats/log"
	tessera "github.com/transparency-dev/tessera/client"
	"google.golang.org/protobuf/encoding/protojson"
)

// tiles is the client of a log of version 2: the library's own takes no transport. It
// implements [sign.RekorV2Client].
//
// API: https://github.com/sigstore/rekor-tiles/blob/v2.3.0/api/proto/rekor_service.proto
type tiles struct {
	url  string
	http *http.Client
	logs map[string]*root.TransparencyLog // of the trust root
}

// maxEntry bounds the answer of the log, which has a hash of what was signed, a certificate
// and a proof.
const maxEntry = 1 << 20

// Add logs a signature.
func (t tiles) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	hashed, ok := entry.(*rekortiles.HashedRekordRequestV002)
	if !ok {
		return nil, fmt.Errorf("the log takes no %T", entry)
	}
	body, err := protojson.Marshal(&rekortiles.CreateEntryRequest{
		Spec: &rekortiles.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: hashed},
	})
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(t.url, "/")+"/api/v2/log/entries", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusConflict {
		return t.existing(ctx, resp.Header.Get("X-Log-Index"))
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxEntry))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	var logged protorekor.TransparencyLogEntry
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(answer, &logged); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return &logged, nil
}

// existing reads an entry that the log says is there already: of a request whose answer was
// lost. The library would sign again, which leaves an entry that belongs to nothing. What is
// read here is verified as any other answer.
//
// Layout: https://c2sp.org/tlog-tiles
func (t tiles) existing(ctx context.Context, at string) (*protorekor.TransparencyLogEntry, error) {
	index, err := strconv.ParseUint(at, 10, 63)
	if err != nil {
		return nil, fmt.Errorf("the log has the entry, and says not where: %w", err)
	}
	base, err := url.Parse(strings.TrimRight(t.url, "/") + "/api/v2/")
	if err != nil {
		return nil, err
	}
	log, err := tessera.NewHTTPFetcher(base, t.http)
	if err != nil {
		return nil, err
	}
	raw, err := log.ReadCheckpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	var checkpoint formats.Checkpoint
	if _, err := checkpoint.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	if !utf8.Valid(raw) || checkpoint.Size > math.MaxInt64 { // of which a bundle cannot be made
		return nil, errors.New("read checkpoint: it is not text, or of an absurd size")
	}
	hashes, body, err := prove(ctx, log, index, checkpoint.Size)
	if err != nil {
		return nil, err
	}
	return &protorekor.TransparencyLogEntry{
		LogIndex:          int64(index),
		LogId:             &protocommon.LogId{KeyId: t.id(checkpoint.Origin)},
		KindVersion:       &protorekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"},
		CanonicalizedBody: body,
		InclusionProof: &protorekor.InclusionProof{
			LogIndex: int64(index), RootHash: checkpoint.Hash, TreeSize: int64(checkpoint.Size), Hashes: hashes,
			Checkpoint: &protorekor.Checkpoint{Envelope: string(raw)},
		},
	}, nil
}

// prove reads an entry of a log of the given size, and the hashes between it and the root.
func prove(ctx context.Context, log *tessera.HTTPFetcher, index, size uint64) (hashes [][]byte, body []byte, err error) {
	builder, err := tessera.NewProofBuilder(ctx, size, log.ReadTile)
	if err != nil {
		return nil, nil, fmt.Errorf("prove inclusion: %w", err)
	}
	if hashes, err = builder.InclusionProof(ctx, index); err != nil {
		return nil, nil, fmt.Errorf("prove inclusion: %w", err)
	}
	const width = 256 // entries of a bundle
	entries, err := tessera.GetEntryBundle(ctx, log.ReadEntryBundle, index/width, size)
	if err != nil {
		return nil, nil, fmt.Errorf("read entry: %w", err)
	}
	if index%width >= uint64(len(entries.Entries)) {
		return nil, nil, fmt.Errorf("read entry: the log does not have number %d", index)
	}
	return hashes, entries.Entries[index%width], nil
}

// id is that of the log which the trust root knows by its origin, a host name; nil if there
// is none, which fails to verify.
func (t tiles) id(origin string) []byte {
	for _, log := range t.logs {
		if u, err := url.Parse(log.BaseURL); err == nil && u.Hostname() == origin {
			return log.ID
		}
	}
	return nil
}
