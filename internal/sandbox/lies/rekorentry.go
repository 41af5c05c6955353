package lies

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sigstore/rekor/pkg/generated/models"
)

func anotherTime(entry *models.LogEntryAnon) error {
	*entry.IntegratedTime -= int64(time.Hour / time.Second)
	return nil
}

func badSET(entry *models.LogEntryAnon) error {
	entry.Verification.SignedEntryTimestamp = flipped(entry.Verification.SignedEntryTimestamp)
	return nil
}

func noSET(entry *models.LogEntryAnon) error {
	entry.Verification.SignedEntryTimestamp = nil
	return nil
}

// badProof changes a hash of the way up, or the root itself where there is no way.
func badProof(entry *models.LogEntryAnon) error {
	proof := entry.Verification.InclusionProof
	hash := proof.RootHash
	if len(proof.Hashes) > 0 {
		hash = &proof.Hashes[0]
	}
	decoded, err := hex.DecodeString(*hash)
	if err != nil {
		return fmt.Errorf("decode hash of the proof: %w", err)
	}
	*hash = hex.EncodeToString(flipped(decoded))
	return nil
}

func noProof(entry *models.LogEntryAnon) error {
	entry.Verification.InclusionProof = nil
	return nil
}

func badCheckpoint(entry *models.LogEntryAnon) error {
	checkpoint, err := forged(*entry.Verification.InclusionProof.Checkpoint)
	entry.Verification.InclusionProof.Checkpoint = &checkpoint
	return err
}
