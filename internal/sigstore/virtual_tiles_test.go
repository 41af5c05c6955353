package sigstore_test

import (
	"context"
	"crypto"
	"encoding/hex"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	rekornote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/attest"
	"seal-image/internal/sigstore"
)

const (
	rekor2Host = "rekor2.example.com" // also its origin
	rekor2URL  = "http://" + rekor2Host
)

// withRekor2 are options that sign with a log of version 2 and a timestamp authority.
func withRekor2(o sigstore.Options) sigstore.Options {
	o.Instance.FulcioURL, o.Instance.RekorURL = "", ""
	o.Instance.SigningConfig = file(signingConfig(service(rekor2URL, 2), service(tsaURL, 1), "ANY"))
	o.Format = attest.Bundles
	return o
}

// tile is Rekor's POST of version 2: it checks what is proposed, with Rekor's own code, and
// logs it. Each entry is the only one of its tree.
func (i *instance) tile(req *http.Request) (int, []byte, http.Header, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	var proposed rekortiles.CreateEntryRequest
	if err := protojson.Unmarshal(raw, &proposed); err != nil {
		return 0, nil, nil, err
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256})
	if err != nil {
		return 0, nil, nil, err
	}
	entry, err := hashedrekord.ToLogEntry(proposed.GetHashedRekordRequestV002(), algorithms)
	if err != nil {
		return 0, nil, nil, err
	}
	logged, err := i.tiled(entry)
	if err != nil {
		return 0, nil, nil, err
	}
	answer, err := protojson.Marshal(logged)
	return http.StatusCreated, answer, nil, err
}

// tiled is an entry with its proof.
func (i *instance) tiled(entry *rekortiles.Entry) (*protorekor.TransparencyLogEntry, error) {
	encoded, err := protojson.Marshal(entry)
	if err != nil {
		return nil, err
	}
	body, err := jsoncanonicalizer.Transform(encoded)
	if err != nil {
		return nil, err
	}
	hash := rfc6962.DefaultHasher.HashLeaf(body)
	checkpoint, err := i.checkpoint(1, hash)
	if err != nil {
		return nil, err
	}
	return &protorekor.TransparencyLogEntry{
		LogId:             &protocommon.LogId{KeyId: i.tilesID()},
		KindVersion:       &protorekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"},
		CanonicalizedBody: body,
		InclusionProof: &protorekor.InclusionProof{
			TreeSize: 1, RootHash: hash, Checkpoint: &protorekor.Checkpoint{Envelope: checkpoint},
		},
	}, nil
}

// checkpoint is the log's signature of a tree.
func (i *instance) checkpoint(size uint64, hash []byte) (string, error) {
	signer, err := signature.LoadECDSASignerVerifier(i.tilesKey, crypto.SHA256)
	if err != nil {
		return "", err
	}
	notary, err := rekornote.NewNoteSigner(context.Background(), rekor2Host, signer)
	if err != nil {
		return "", err
	}
	text := formats.Checkpoint{Origin: rekor2Host, Size: size, Hash: hash}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, notary)
	return string(signed), err
}

func (i *instance) tilesID() []byte {
	_, id, err := rekornote.KeyHash(rekor2Host, i.tilesKey.Public())
	if err != nil {
		panic(err) // of a key that was just made
	}
	return id
}

// tilesLog is the log of version 2 in the trust root.
func (i *instance) tilesLog(since, until time.Time) (string, *root.TransparencyLog) {
	return hex.EncodeToString(i.tilesID()), &root.TransparencyLog{
		BaseURL: rekor2URL, ID: i.tilesID(), ValidityPeriodStart: since, ValidityPeriodEnd: until,
		HashFunc: crypto.SHA256, PublicKey: i.tilesKey.Public(), SignatureHashFunc: crypto.SHA256,
	}
}

// TestSignVersion2: a log of version 2 gets a hash alone, and what it proves is all that
// verifiers of today need. Nothing is left for older ones.
func TestSignVersion2(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := withRekor2(options(t, i, token(t, claims(nil))))
	s := newSigner(t, o)
	id, format, err := check(t.Context(), s)
	if err != nil || format != attest.Bundles || id != identity {
		t.Fatalf("%v signs %s: %v", id, format, err)
	}
	sts := three(t)[:2]
	bundles, err := s.Sign(t.Context(), sts)
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range bundles {
		if b.Entry.URL != "" || !b.Entry.IntegratedTime.IsZero() || b.Entry.LogID != hex.EncodeToString(i.tilesID()) {
			t.Errorf("entry %+v", b.Entry)
		}
		if !b.Layer.Empty() {
			t.Errorf("a layer without a promise: %s", b.Layer.LogEntry)
		}
		got, err := s.Verify(attest.Stored{Form: attest.FormBundle, Content: b.JSON}, sts[n].About)
		if err != nil {
			t.Fatal(err)
		}
		checkRead(t, b, got)
	}
}
