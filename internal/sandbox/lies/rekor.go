package lies

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/sigstore/rekor/pkg/generated/models"
)

const entriesPath = "/api/v1/log/entries"

// rekor is the true Rekor v1, and somebody else who uses it.
type rekor struct {
	truth http.Handler
	other *stranger

	first func() (string, error) // a checkpoint from before
}

// Rekor returns the lies of Rekor v1. They are about every entry that it answers with, whether
// it was made or asked for.
func Rekor(truth http.Handler) (Lies, error) {
	other, err := newStranger()
	if err != nil {
		return nil, err
	}
	another, err := newLog()
	if err != nil {
		return nil, err
	}
	r := &rekor{truth: truth, other: other}
	r.first = sync.OnceValues(r.checkpoint)
	return Lies{
		"another-entry":         http.HandlerFunc(r.anotherEntry),
		"conflict-with-another": http.HandlerFunc(r.conflict),
		"another-log":           r.answered(another.relog),
		"another-time":          r.answered(anotherTime),
		"bad-set":               r.answered(badSET),
		"no-set":                r.answered(noSET),
		"bad-proof":             r.answered(badProof),
		"no-proof":              r.answered(noProof),
		"bad-checkpoint":        r.answered(badCheckpoint),
		"stale-checkpoint":      http.HandlerFunc(r.staleCheckpoint),
		"garbage":               always(http.StatusCreated, "application/json", "Service is busy"),
		"empty":                 always(http.StatusCreated, "application/json", "{}"),
	}.about(entriesPath, truth), nil
}

// answered changes the entry that the true server answers with.
func (r *rekor) answered(change func(*models.LogEntryAnon) error) http.Handler {
	return answeredAnew(r.truth, func(answer []byte) ([]byte, error) {
		id, entry, err := parseEntry(answer)
		if err != nil {
			return nil, err
		}
		if err := change(entry); err != nil {
			return nil, err
		}
		return json.Marshal(models.LogEntry{id: *entry})
	})
}

// parseEntry returns the one entry of an answer, with its ID.
func parseEntry(answer []byte) (string, *models.LogEntryAnon, error) {
	var entries models.LogEntry
	if err := json.Unmarshal(answer, &entries); err != nil {
		return "", nil, fmt.Errorf("parse entry: %w", err)
	}
	for id, entry := range entries {
		if entry.Verification != nil && entry.Verification.InclusionProof != nil {
			return id, &entry, nil
		}
	}
	return "", nil, errors.New("the answer has no entry with a proof")
}

// log makes an entry of somebody else.
func (r *rekor) log(kind string) (*httptest.ResponseRecorder, error) {
	proposal, err := r.other.proposal(kind)
	if err != nil {
		return nil, err
	}
	request := httptest.NewRequest(http.MethodPost, entriesPath, http.NoBody) //nolint:noctx // there is no connection to end
	request.Header.Set("Content-Type", "application/json")
	answer := ask(r.truth, request, proposal)
	if answer.Code != http.StatusCreated {
		return nil, fmt.Errorf("make another entry: %d %s", answer.Code, answer.Body)
	}
	return answer, nil
}

// logAsAsked makes an entry of somebody else, of the kind that the client wants to make.
func (r *rekor) logAsAsked(w http.ResponseWriter, request *http.Request) (*httptest.ResponseRecorder, error) {
	if request.Method != http.MethodPost {
		return r.log("")
	}
	body, err := readBody(w, request)
	if err != nil {
		return nil, err
	}
	var asked struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, fmt.Errorf("parse request: %w", err)
	}
	return r.log(asked.Kind)
}

// anotherEntry answers with the entry of somebody else, and makes none for the client.
func (r *rekor) anotherEntry(w http.ResponseWriter, request *http.Request) {
	answer, err := r.logAsAsked(w, request)
	if err != nil {
		fail(w, err)
		return
	}
	if request.Method != http.MethodPost {
		answer.Code = http.StatusOK
	}
	relay(w, answer)
}

// conflict says that the entry is in the log already, and where: there is the one of somebody
// else. Who asks for that one gets it.
func (r *rekor) conflict(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		r.truth.ServeHTTP(w, request)
		return
	}
	answer, err := r.logAsAsked(w, request)
	if err != nil {
		fail(w, err)
		return
	}
	id, _, err := parseEntry(answer.Body.Bytes())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", entriesPath+"/"+id)
	w.WriteHeader(http.StatusConflict)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have gone
		"code":    http.StatusConflict,
		"message": "an equivalent entry already exists in the transparency log with UUID " + id,
	})
}

// staleCheckpoint answers with the checkpoint of a tree that was too small for the proof beside it.
func (r *rekor) staleCheckpoint(w http.ResponseWriter, request *http.Request) {
	checkpoint, err := r.first()
	if err == nil {
		_, err = r.log("") // the tree grows
	}
	if err != nil {
		fail(w, err)
		return
	}
	r.answered(func(entry *models.LogEntryAnon) error {
		entry.Verification.InclusionProof.Checkpoint = &checkpoint
		return nil
	}).ServeHTTP(w, request)
}

func (r *rekor) checkpoint() (string, error) {
	answer, err := r.log("")
	if err != nil {
		return "", err
	}
	_, entry, err := parseEntry(answer.Body.Bytes())
	if err != nil {
		return "", err
	}
	return *entry.Verification.InclusionProof.Checkpoint, nil
}
