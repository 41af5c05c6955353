package sigstore_test

import (
	"crypto"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/go-openapi/runtime"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// record is Rekor's POST: it checks what is proposed, with Rekor's own code, and logs it.
func (i *instance) record(req *http.Request) (int, []byte, http.Header, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	proposed, err := models.UnmarshalProposedEntry(strings.NewReader(string(raw)), runtime.JSONConsumer())
	if err != nil {
		return 0, nil, nil, err
	}
	entry, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		return 0, nil, nil, err
	}
	body, err := types.CanonicalizeEntry(req.Context(), entry)
	if err != nil {
		return 0, nil, nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	uuid, answer, err := i.add(body)
	if err != nil {
		return 0, nil, nil, err
	}
	if _, known := i.posted[uuid]; known {
		return http.StatusConflict, []byte(`{"code":409,"message":"an equivalent entry already exists"}`),
			http.Header{"Location": {"/api/v1/log/entries/" + uuid}}, nil
	}
	i.posted[uuid] = answer
	i.proposed = append(i.proposed, raw)
	return http.StatusCreated, answer, http.Header{"Etag": {uuid}, "Location": {"/api/v1/log/entries/" + uuid}}, nil
}

// add makes the log's answer for a new entry. Each is the only one of its tree.
func (i *instance) add(body []byte) (uuid string, answer []byte, err error) {
	proof, err := i.log.GetInclusionProof(body)
	if err != nil {
		return "", nil, err
	}
	id, err := i.log.RekorLogID()
	if err != nil {
		return "", nil, err
	}
	payload := tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(body), IntegratedTime: time.Now().Unix(),
		LogIndex: 700 + int64(len(i.posted)), LogID: id,
	}
	promise, err := i.log.RekorSignPayload(payload)
	if err != nil {
		return "", nil, err
	}
	if proof.Hashes == nil {
		proof.Hashes = []string{}
	}
	answer, err = json.Marshal(map[string]any{*proof.RootHash: map[string]any{
		"body": payload.Body, "integratedTime": payload.IntegratedTime, "logID": id, "logIndex": payload.LogIndex,
		"verification": map[string]any{"signedEntryTimestamp": promise, "inclusionProof": proof},
	}})
	return *proof.RootHash, answer, err
}

// entry is Rekor's GET.
func (i *instance) entry(req *http.Request) (int, []byte, http.Header, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	uuid := strings.TrimPrefix(req.URL.Path, "/api/v1/log/entries/")
	if answer, ok := i.posted[uuid]; ok && req.Host == "rekor.example.com" {
		return http.StatusOK, answer, nil, nil
	}
	return 0, nil, nil, fmt.Errorf("nothing at %s%s", req.Host, req.URL.Path)
}

// logged is the body of a log entry, as far as tests look at it.
type logged struct {
	Kind string
	Spec struct {
		Data            struct{ Hash hash }
		EnvelopeHash    hash
		PayloadHash     hash
		ProposedContent struct{ Envelope string }
	}
}

type hash struct{ Algorithm, Value string }

// uploads are the entries as they were sent to the log.
func (i *instance) uploads() []logged {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := make([]logged, len(i.proposed))
	for n, raw := range i.proposed {
		if err := json.Unmarshal(raw, &out[n]); err != nil {
			panic(err) // it was read before
		}
	}
	return out
}

// stamp is a timestamp authority.
func (i *instance) stamp(req *http.Request) (int, []byte, http.Header, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	asked, err := timestamp.ParseRequest(raw)
	if err != nil {
		return 0, nil, nil, err
	}
	answer, err := (&timestamp.Timestamp{
		HashAlgorithm: asked.HashAlgorithm, HashedMessage: asked.HashedMessage, Time: time.Now(),
		Nonce: asked.Nonce, Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
	}).CreateResponseWithOpts(i.tsa, i.tsaKey, crypto.SHA256)
	return http.StatusCreated, answer, http.Header{"Content-Type": {"application/timestamp-reply"}}, err
}

// bodyOf decodes the base64 body of a log entry.
func bodyOf(encoded string) (logged, error) {
	var out logged
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(raw, &out)
}

// hexOf is a digest as log entries write it.
func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
