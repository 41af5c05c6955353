package lies

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

const entriesV2Path = "/api/v2/log/entries"

// rekor2 is the true Rekor v2, and somebody else who uses it.
type rekor2 struct {
	truth http.Handler
	other *stranger

	first func() (string, error) // a checkpoint from before
}

// Rekor2 returns the lies of Rekor v2. They are about every entry that it answers with.
func Rekor2(truth http.Handler) (Lies, error) {
	other, err := newStranger()
	if err != nil {
		return nil, err
	}
	r := &rekor2{truth: truth, other: other}
	r.first = sync.OnceValues(r.checkpoint)
	return Lies{
		"another-entry":    http.HandlerFunc(r.anotherEntry),
		"bad-proof":        http.HandlerFunc(r.badProof),
		"no-proof":         r.answered(noProofV2),
		"bad-checkpoint":   r.answered(badCheckpointV2),
		"stale-checkpoint": http.HandlerFunc(r.staleCheckpoint),
		"garbage":          always(http.StatusCreated, "application/json", "Service is busy"),
		"empty":            always(http.StatusCreated, "application/json", "{}"),
	}.about(entriesV2Path, truth), nil
}

// answered changes the entry that the true server answers with.
func (r *rekor2) answered(change func(*protorekor.TransparencyLogEntry) error) http.Handler {
	return answeredAnew(r.truth, func(answer []byte) ([]byte, error) {
		var entry protorekor.TransparencyLogEntry
		if err := protojson.Unmarshal(answer, &entry); err != nil {
			return nil, fmt.Errorf("parse entry: %w", err)
		}
		if err := change(&entry); err != nil {
			return nil, err
		}
		return protojson.Marshal(&entry)
	})
}

// log makes an entry of somebody else.
func (r *rekor2) log() (*httptest.ResponseRecorder, error) {
	proposal, err := r.other.proposalV2()
	if err != nil {
		return nil, err
	}
	request := httptest.NewRequest(http.MethodPost, entriesV2Path, http.NoBody) //nolint:noctx // there is no connection to end
	request.Header.Set("Content-Type", "application/json")
	answer := ask(r.truth, request, proposal)
	if answer.Code != http.StatusCreated {
		return nil, fmt.Errorf("make another entry: %d %s", answer.Code, answer.Body)
	}
	return answer, nil
}

// anotherEntry answers with the entry of somebody else, and makes none for the client.
func (r *rekor2) anotherEntry(w http.ResponseWriter, _ *http.Request) {
	answer, err := r.log()
	if err != nil {
		fail(w, err)
		return
	}
	relay(w, answer)
}

// badProof changes a hash of the way up. The root beside it is not looked at: the checkpoint has
// it, too. So there must be a way, even for the first entry.
func (r *rekor2) badProof(w http.ResponseWriter, request *http.Request) {
	if _, err := r.first(); err != nil {
		fail(w, err)
		return
	}
	r.answered(func(entry *protorekor.TransparencyLogEntry) error {
		hashes := entry.GetInclusionProof().GetHashes()
		if len(hashes) == 0 {
			return errors.New("the proof has no hash")
		}
		hashes[0] = flipped(hashes[0])
		return nil
	}).ServeHTTP(w, request)
}

func noProofV2(entry *protorekor.TransparencyLogEntry) error {
	entry.InclusionProof = nil
	return nil
}

func badCheckpointV2(entry *protorekor.TransparencyLogEntry) (err error) {
	checkpoint := entry.GetInclusionProof().GetCheckpoint()
	checkpoint.Envelope, err = forged(checkpoint.GetEnvelope())
	return err
}

// staleCheckpoint answers with the checkpoint of a tree that has not had the entry.
func (r *rekor2) staleCheckpoint(w http.ResponseWriter, request *http.Request) {
	checkpoint, err := r.first()
	if err != nil {
		fail(w, err)
		return
	}
	r.answered(func(entry *protorekor.TransparencyLogEntry) error {
		entry.GetInclusionProof().GetCheckpoint().Envelope = checkpoint
		return nil
	}).ServeHTTP(w, request)
}

func (r *rekor2) checkpoint() (string, error) {
	answer, err := r.log()
	if err != nil {
		return "", err
	}
	var entry protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(answer.Body.Bytes(), &entry); err != nil {
		return "", fmt.Errorf("parse entry: %w", err)
	}
	return entry.GetInclusionProof().GetCheckpoint().GetEnvelope(), nil
}
