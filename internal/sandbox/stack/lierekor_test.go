package stack_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/util"
	rekorverify "github.com/sigstore/rekor/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/sandbox/stack"
)

func TestRekorLies(t *testing.T) {
	t.Parallel()
	testFacts(t, "rekor", map[string][]string{
		"another-entry":         {"is what was asked for"},
		"conflict-with-another": {"is what was asked for"},
		"another-log":           {"checkpoint is signed", "is in the trusted log", "promise is kept"},
		"another-time":          {"is of now", "promise is kept"},
		"bad-set":               {"promise is kept"},
		"no-set":                {"has a promise", "promise is kept"},
		"bad-proof":             {"proof holds"},
		"no-proof":              {"checkpoint is of the proof", "checkpoint is signed", "has a proof", "proof holds"},
		"bad-checkpoint":        {"checkpoint is signed"},
		"stale-checkpoint":      {"checkpoint is of the proof"},
	}, entryFacts)
}

// entryFacts makes an entry, or fetches the one that is said to be there already.
func entryFacts(t *testing.T, job *stack.Job) facts {
	t.Helper()
	request, digest := hashedRekordV1(t)
	status, header, body := exchange(t, http.MethodPost, job.RekorURL+"/api/v1/log/entries", "", request)
	if status == http.StatusConflict {
		status, _, body = exchange(t, http.MethodGet, job.RekorURL+header.Get("Location"), "", "")
	}
	var entries models.LogEntry
	if err := json.Unmarshal(body, &entries); err != nil || status >= http.StatusMultipleChoices {
		t.Fatalf("make entry: %d %s", status, body)
	}
	trusted := rekorLog(t, job, "https://rekor.sandbox.test")
	verifier, err := signature.LoadVerifier(trusted.PublicKey, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := base64.StdEncoding.DecodeString(entry.Body.(string))
		if err != nil {
			t.Fatal(err)
		}
		found := facts{
			"is what was asked for": strings.Contains(string(content), digest),
			"is in the trusted log": *entry.LogID == hex.EncodeToString(trusted.ID),
			"is of now":             time.Since(time.Unix(*entry.IntegratedTime, 0)).Abs() < time.Minute,
			"has a promise":         len(entry.Verification.SignedEntryTimestamp) > 0,
			"promise is kept":       rekorverify.VerifySignedEntryTimestamp(t.Context(), &entry, verifier) == nil,
			"has a proof":           entry.Verification.InclusionProof != nil,
		}
		if entry.Verification.InclusionProof != nil {
			proofFacts(t, &entry, verifier, found)
		} else {
			found["proof holds"], found["checkpoint is signed"], found["checkpoint is of the proof"] = nil, nil, nil
		}
		return found
	}
	t.Fatalf("no entry in %s", body)
	return nil
}

func proofFacts(t *testing.T, entry *models.LogEntryAnon, verifier signature.Verifier, found facts) {
	t.Helper()
	inclusion := entry.Verification.InclusionProof
	var checkpoint util.SignedCheckpoint
	if err := checkpoint.UnmarshalText([]byte(*inclusion.Checkpoint)); err != nil {
		t.Fatal(err)
	}
	found["proof holds"] = rekorverify.VerifyInclusion(t.Context(), entry) == nil
	found["checkpoint is signed"] = checkpoint.Verify(verifier)
	found["checkpoint is of the proof"] = checkpoint.Size == uint64(*inclusion.TreeSize) &&
		hex.EncodeToString(checkpoint.Hash) == *inclusion.RootHash
}

func TestRekorV2Lies(t *testing.T) {
	t.Parallel()
	testFacts(t, "rekor2", map[string][]string{
		"another-entry":    {"is what was asked for"},
		"bad-proof":        {"proof holds"},
		"no-proof":         {"checkpoint is of the proof", "checkpoint is signed", "has a proof", "proof holds"},
		"bad-checkpoint":   {"checkpoint is signed"},
		"stale-checkpoint": {"checkpoint is of the proof"},
	}, entryV2Facts)
}

func entryV2Facts(t *testing.T, job *stack.Job) facts {
	t.Helper()
	digest := sha256.Sum256([]byte(t.Name()))
	status, body := send(t, http.MethodPost, job.RekorV2URL+entriesV2, "", hashedRekord(t, t.Name()))
	var entry protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(body, &entry); err != nil || status != http.StatusCreated {
		t.Fatalf("make entry: %d %s", status, body)
	}
	trusted := rekorLog(t, job, "https://rekor2.sandbox.test")
	inclusion := entry.GetInclusionProof()
	found := facts{
		"is what was asked for": bytes.Contains(entry.GetCanonicalizedBody(), []byte(base64.StdEncoding.EncodeToString(digest[:]))),
		"is in the trusted log": bytes.Equal(entry.GetLogId().GetKeyId(), trusted.ID),
		"has a proof":           inclusion != nil,
	}
	if inclusion == nil {
		found["proof holds"], found["checkpoint is signed"], found["checkpoint is of the proof"] = nil, nil, nil
		return found
	}
	verifier, err := signature.LoadVerifier(trusted.PublicKey, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	notes, err := note.NewNoteVerifier("rekor2.sandbox.test", verifier)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = log.ParseCheckpoint([]byte(inclusion.GetCheckpoint().GetEnvelope()), "rekor2.sandbox.test", notes)
	found["checkpoint is signed"] = err == nil
	var checkpoint log.Checkpoint
	if _, err := checkpoint.Unmarshal([]byte(inclusion.GetCheckpoint().GetEnvelope())); err != nil {
		t.Fatal(err)
	}
	found["checkpoint is of the proof"] = checkpoint.Size == uint64(inclusion.GetTreeSize()) &&
		bytes.Equal(checkpoint.Hash, inclusion.GetRootHash())
	found["proof holds"] = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(inclusion.GetLogIndex()), uint64(inclusion.GetTreeSize()),
		rfc6962.DefaultHasher.HashLeaf(entry.GetCanonicalizedBody()), inclusion.GetHashes(), inclusion.GetRootHash()) == nil
	return found
}

// hashedRekordV1 is a request to log a signature of the test's name by a new key, and the digest
// of what was signed.
func hashedRekordV1(t *testing.T) (request, digest string) {
	t.Helper()
	keypair := newKeypair(t)
	key, err := keypair.GetPublicKeyPem()
	if err != nil {
		t.Fatal(err)
	}
	signed, sum, err := keypair.SignData(t.Context(), []byte(t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	digest = hex.EncodeToString(sum)
	return fmt.Sprintf(`{"kind":"hashedrekord","apiVersion":"0.0.1","spec":{"data":{"hash":{"algorithm":"sha256","value":%q}},`+
		`"signature":{"content":%q,"publicKey":{"content":%q}}}}`, digest,
		base64.StdEncoding.EncodeToString(signed), base64.StdEncoding.EncodeToString([]byte(key))), digest
}
