package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

const (
	// attestationLimit is the time for all attestations of a run, retries included.
	attestationLimit = 5 * time.Minute
	// maxPredicate is GitHub's limit.
	// Source: https://github.com/actions/attest/blob/main/README.md#attestation-limits
	maxPredicate = 16 << 20
)

// StoreAttestations stores bundles about SBOM and provenance with GitHub, where `gh attestation
// verify` finds them, and sets their Page, of which pages is the address without the id. Other
// bundles are left alone; of those that were signed before, one that GitHub has is not sent
// again, and has no Page: its id is not known. What GitHub cannot take is left out, and an error
// once the others are stored; else the first that is refused is the last that is tried. The error
// is a problem, unless ctx has ended.
//
// A request whose answer is lost is sent again. GitHub has the bundle twice then, which does no
// harm.
// Source: https://docs.github.com/rest/repos/attestations
func (a *API) StoreAttestations(ctx context.Context, pages string, bundles []*attest.Bundle) error {
	return inTime(ctx, attestationLimit, func(ctx context.Context) error {
		s := attestations{api: a, pages: pages, stored: map[string]string{}, known: map[string]map[string]bool{}}
		var left error
		for _, b := range bundles {
			if !storable(b.Statement) {
				continue
			}
			if size := predicateSize(b.Statement); size > maxPredicate {
				left = largeError{b.Statement, size}
				continue
			}
			err := s.store(ctx, b)
			if _, ok := errors.AsType[tagError](err); ok {
				left = err
				continue
			}
			if err != nil {
				return err
			}
		}
		return left
	}, explainAttestation)
}

// storable: GitHub takes statements of in-toto alone. What says that an image is signed is one as
// well, and not stored: it says nothing that a reader of attestations looks for.
func storable(st *attest.Statement) bool { return !st.IsSignature() }

// predicateSize is exact for what may be too large.
func predicateSize(st *attest.Statement) int {
	var statement struct {
		Predicate json.RawMessage `json:"predicate"`
	}
	if len(st.Payload) <= maxPredicate || json.Unmarshal(st.Payload, &statement) != nil {
		return 0
	}
	return len(statement.Predicate)
}

// A largeError is a predicate that GitHub would refuse.
type largeError struct {
	statement *attest.Statement
	size      int
}

func (e largeError) Error() string {
	return fmt.Sprintf("the predicate %s of %s has %d bytes", e.statement.PredicateType, e.statement.About.Ref, e.size)
}

// A tagError is a bundle that was read from a tag of cosign's. There, a log entry has the promise
// of the log alone, and GitHub takes bundles that have its proof.
type tagError struct{ statement *attest.Statement }

func (e tagError) Error() string {
	return fmt.Sprintf("the bundle of %s about %s has no inclusion proof", e.statement.PredicateType, e.statement.About.Ref)
}

// attestations is what is known of them during a run.
type attestations struct {
	api    *API
	pages  string
	stored map[string]string          // pages of what this run has sent, by signature
	known  map[string]map[string]bool // signatures that GitHub has, by digest; only of digests that were looked at
}

func (s attestations) store(ctx context.Context, b *attest.Bundle) error {
	signature, proven, err := read(b.JSON)
	if err != nil {
		return err
	}
	if page, sent := s.stored[signature]; sent { // the images of a run may share a platform
		b.Page = page
		return nil
	}
	if b.Existing {
		known, err := s.knows(ctx, b.Statement.About.Ref.DigestStr(), signature)
		if err != nil || known {
			return err
		}
	}
	if !proven {
		return tagError{b.Statement}
	}
	id, err := s.api.storeAttestation(ctx, b.JSON)
	if err != nil {
		return err
	}
	b.Page = s.pages + strconv.FormatInt(id, 10)
	s.stored[signature] = b.Page
	return nil
}

// storeAttestation sends one bundle, and returns its id.
func (a *API) storeAttestation(ctx context.Context, bundle []byte) (int64, error) {
	var answer struct {
		ID json.Number `json:"id"`
	}
	body, err := json.Marshal(map[string]json.RawMessage{"bundle": bundle})
	if err != nil {
		return 0, fmt.Errorf("encode the bundle: %w", err)
	}
	_, err = a.send(ctx, apiRequest{method: http.MethodPost, url: a.of("/attestations"), mediaType: "application/json", content: body}, &answer)
	if isNotFound(err) {
		return 0, a.missing(ctx, err)
	}
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(string(answer.ID), 10, 64)
	if err != nil {
		return 0, errAPIAnswer
	}
	return id, nil
}

// read returns what one bundle alone has, the signature in its envelope, and whether it has the proof
// that it is in the log.
func read(bundle []byte) (signature string, proven bool, err error) {
	var b struct {
		Material struct {
			Entries []struct {
				Proof json.RawMessage `json:"inclusionProof"`
			} `json:"tlogEntries"`
		} `json:"verificationMaterial"`
		Envelope struct {
			Signatures []struct {
				Sig string `json:"sig"`
			} `json:"signatures"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return "", false, fmt.Errorf("read the bundle: %w", err)
	}
	if len(b.Envelope.Signatures) != 1 || b.Envelope.Signatures[0].Sig == "" {
		return "", false, errors.New("the bundle has no signed envelope")
	}
	for _, entry := range b.Material.Entries {
		proven = proven || len(entry.Proof) > 0
	}
	return b.Envelope.Signatures[0].Sig, proven, nil
}

func explainAttestation(err error) error {
	p := purpose{
		code: problem.AttestationFailed, what: "The attestations could not be stored with GitHub.",
		input: "github-attestation", permission: "attestations: write",
	}
	off := p.off()
	failed, refused := errors.AsType[*apiError](err)
	var large largeError
	var ofTag tagError
	switch {
	case errors.As(err, &ofTag):
		return p.problem(err, advice{
			fmt.Sprintf("An earlier run has signed what belongs to %s for cosign's tags alone. They keep no proof that it is in the log, which GitHub wants. The others are stored.", ofTag.statement.About.Ref),
			"Sign for newer verifiers as well:\n  signature-format: both\n" + off,
		})
	case errors.As(err, &large):
		return p.problem(err, advice{
			fmt.Sprintf("GitHub takes %d MiB at most, and the one about %s has %.1f MiB. The others are stored.",
				maxPredicate>>20, large.statement.About.Ref, float64(large.size)/(1<<20)),
			"Leave files out of the SBOM with `sbom-files: none`. " + off,
		})
	case refused && strings.HasPrefix(failed.Message, "Feature not available"):
		return p.problem(err, advice{
			"GitHub does not store attestations for this repository" + said(failed) + ".",
			"For private repositories it takes GitHub Enterprise Cloud. Without it, write below `with:`\n  github-attestation: false",
		})
	case refused && failed.Status == http.StatusUnprocessableEntity:
		return p.problem(err, advice{
			"GitHub does not take the bundle" + said(failed) + ".",
			"It takes what was signed by the public Sigstore or its own; for another one, write below `with:`\n  github-attestation: false",
		})
	}
	return p.explain(err)
}
