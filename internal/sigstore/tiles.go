package sigstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"
)

// tiles is the client of a log of version 2: the library's own takes no transport. It
// implements [sign.RekorV2Client].
//
// API: https://github.com/sigstore/rekor-tiles/blob/v2.3.0/api/proto/rekor_service.proto
type tiles struct {
	url  string
	http *http.Client
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
