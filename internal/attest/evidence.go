package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"

	"seal-image/internal/problem"
)

// OtherSigner is the error of a signature that is good, and of somebody else. Err says who
// was expected, and who it is.
type OtherSigner struct{ Err error }

// Error is that of Err.
func (e *OtherSigner) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *OtherSigner) Unwrap() error { return e.Err }

// claim is what something says it is, for people to read.
type claim string

const (
	claimSignature claim = "signature"
	claimSBOM      claim = "SBOM attestation"
	claimOther     claim = "other statement"
)

// evidence is what is stored about one digest, and what of it verifies.
type evidence struct {
	signatures []*Bundle
	sboms      map[Format][]*Bundle
	found      map[claim]int
	refused    map[claim][]error
	noPlace    []string // why a place of signatures has none
}

// collect reads and verifies what is stored about m. Where a place is taken by something
// else, as the tag of bundles in GitLab's registry, there is no signature.
func (v *Verification) collect(ctx context.Context, req VerifyRequest, m Manifest) (*evidence, error) {
	e := &evidence{sboms: map[Format][]*Bundle{}, found: map[claim]int{}, refused: map[claim][]error{}}
	for _, form := range req.Format.readable() {
		stored, err := v.Finder.Find(ctx, m, []Form{form})
		if err != nil {
			why := problem.From(err)
			if why.Code != problem.ReferrersRefused && why.Code != problem.TagsRefused {
				return nil, err
			}
			e.noPlace = append(e.noPlace, why.What+" "+why.Why)
			continue
		}
		for _, s := range stored {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			v.examine(ctx, e, s, m)
		}
	}
	return e, nil
}

// readable are the forms of signatures and attestations, where they may be.
func (f SignatureFormat) readable() []Form {
	var forms []Form
	if f.bundles() {
		forms = append(forms, FormBundle)
	}
	if f.legacy() {
		forms = append(forms, FormSig, FormAtt)
	}
	return forms
}

// examine verifies one thing. What it is counts as it was signed, not as it is labelled.
func (v *Verification) examine(ctx context.Context, e *evidence, s Stored, m Manifest) {
	predicateType := s.claimed()
	claimed := claimOf(s.Form, predicateType)
	e.found[claimed]++
	if claimed == claimOther && predicateType != "" {
		return // nobody asks for it
	}
	b, err := v.Verifier.Verify(s, m)
	if err == nil {
		err = e.accept(s.Form, b)
	}
	if err != nil {
		v.Log.DebugContext(ctx, "not accepted: "+string(claimed), slog.String("manifest", s.Manifest.Ref.DigestStr()), slog.String("error", err.Error()))
		e.refused[claimed] = append(e.refused[claimed], err)
	}
}

func (e *evidence) accept(form Form, b *Bundle) error {
	switch claimOf(form, b.Statement.PredicateType) {
	case claimSignature:
		e.signatures = append(e.signatures, b)
	case claimSBOM:
		doc := documentOf(b.Statement)
		if doc == nil {
			return errors.New("expected a JSON document in the attestation, got something else")
		}
		e.sboms[doc.Format] = append(e.sboms[doc.Format], b)
	case claimOther:
	}
	return nil
}

// bundled are the signatures that are not of the form for older verifiers.
func (e *evidence) bundled() []*Bundle {
	return slices.DeleteFunc(slices.Clone(e.signatures), func(b *Bundle) bool { return b.Statement.IsSimpleSigning() })
}

// claimOf tells signatures of an image from what is said about it. An attestation under
// `.att` is none, whatever its type.
func claimOf(form Form, predicateType string) claim {
	switch {
	case form == FormSig, form == FormBundle && predicateType == SignaturePredicateType:
		return claimSignature
	case sbomFormat(predicateType) != "":
		return claimSBOM
	default:
		return claimOther
	}
}

// Predicate types of SBOMs, some of which have the version of the format at the end.
var (
	spdxTypes      = regexp.MustCompile(`^` + regexp.QuoteMeta(SPDXPredicateType) + `(/v[0-9.]+)?$`)
	cycloneDXTypes = regexp.MustCompile(`^` + regexp.QuoteMeta(CycloneDXPredicateType) + `(/v[0-9.]+)?$`)
)

// sbomFormat is the format of the SBOMs of a predicate type; "" if it is not one of SBOMs.
func sbomFormat(predicateType string) Format {
	switch {
	case spdxTypes.MatchString(predicateType):
		return SPDXJSON
	case cycloneDXTypes.MatchString(predicateType):
		return CycloneDXJSON
	}
	return ""
}

// documentOf is the SBOM in a statement, byte for byte; nil if the predicate is not a JSON
// object: cosign puts other formats into a string.
func documentOf(st *Statement) *Document {
	document := predicate(st.Payload)
	if !bytes.HasPrefix(bytes.TrimSpace(document), []byte("{")) {
		return nil
	}
	return &Document{Format: sbomFormat(st.PredicateType), Bytes: document}
}

// claimed is the predicate type that s says it has, for counting what is there; "" if it
// does not say, as in a `.sig`. Nothing of it is verified.
func (s Stored) claimed() string {
	envelope := s.Layer.Content
	if s.Form == FormBundle {
		var b struct {
			Envelope json.RawMessage `json:"dsseEnvelope"`
		}
		if json.Unmarshal(s.Content, &b) != nil {
			return ""
		}
		envelope = b.Envelope
	}
	var e struct {
		Payload []byte `json:"payload"`
	}
	var st struct {
		PredicateType string `json:"predicateType"`
	}
	if json.Unmarshal(envelope, &e) != nil || json.Unmarshal(e.Payload, &st) != nil {
		return ""
	}
	return st.PredicateType
}

// inventory says what was found, e.g. "0 signatures, 2 SBOM attestations".
func (e *evidence) inventory() string {
	text := count(e.found[claimSignature], claimSignature) + ", " + count(e.found[claimSBOM], claimSBOM)
	if n := e.found[claimOther]; n > 0 {
		text += ", " + count(n, claimOther)
	}
	return text
}

func count(n int, what claim) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
