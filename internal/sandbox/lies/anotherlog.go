package lies

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/transparency-dev/merkle/rfc6962"
)

// anotherLogHost is the name of the true log, that the other one goes by.
const anotherLogHost = "rekor.sandbox.test"

// A log is another one than Rekor's, with a key of its own. For every entry it makes a new tree of
// two leaves, of which the other is nobody's.
type log struct {
	signer signature.Signer
	id     string
}

func newLog() (*log, error) {
	key, err := newStranger()
	if err != nil {
		return nil, err
	}
	signer, err := signature.LoadECDSASigner(key.key, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("make signer of another log: %w", err)
	}
	id := sha256.Sum256(key.der)
	return &log{signer: signer, id: hex.EncodeToString(id[:])}, nil
}

// relog replaces all that Rekor says of an entry by what this log says of it.
func (l *log) relog(entry *models.LogEntryAnon) error {
	encoded, _ := entry.Body.(string)
	body, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("decode entry: %w", err)
	}
	var index, size int64 = 1, 2
	neighbour := sha256.Sum256([]byte(rand.Text()))
	root := rfc6962.DefaultHasher.HashChildren(neighbour[:], rfc6962.DefaultHasher.HashLeaf(body))
	checkpoint, err := l.checkpoint(uint64(size), root)
	if err != nil {
		return err
	}
	rootHash := hex.EncodeToString(root)
	entry.LogID, entry.LogIndex = &l.id, &index
	entry.Verification.InclusionProof = &models.InclusionProof{
		Checkpoint: &checkpoint,
		Hashes:     []string{hex.EncodeToString(neighbour[:])},
		LogIndex:   &index,
		RootHash:   &rootHash,
		TreeSize:   &size,
	}
	entry.Verification.SignedEntryTimestamp, err = l.promise(entry)
	return err
}

func (l *log) checkpoint(size uint64, root []byte) (string, error) {
	checkpoint, err := util.CreateSignedCheckpoint(util.Checkpoint{Origin: anotherLogHost + " - 1", Size: size, Hash: root})
	if err != nil {
		return "", fmt.Errorf("make checkpoint of another log: %w", err)
	}
	if _, err := checkpoint.Sign(anotherLogHost, l.signer, options.NoOpOptionImpl{}); err != nil {
		return "", fmt.Errorf("sign checkpoint of another log: %w", err)
	}
	return checkpoint.SignedNote.String(), nil
}

// promise is the signed entry timestamp.
func (l *log) promise(entry *models.LogEntryAnon) ([]byte, error) {
	encoded, err := json.Marshal(map[string]any{
		"body":           entry.Body,
		"integratedTime": entry.IntegratedTime,
		"logID":          entry.LogID,
		"logIndex":       entry.LogIndex,
	})
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	canonical, err := jsoncanonicalizer.Transform(encoded)
	if err != nil {
		return nil, fmt.Errorf("make entry canonical: %w", err)
	}
	promise, err := l.signer.SignMessage(bytes.NewReader(canonical))
	if err != nil {
		return nil, fmt.Errorf("sign entry timestamp of another log: %w", err)
	}
	return promise, nil
}
