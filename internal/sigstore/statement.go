package sigstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore/pkg/signature/payload"

	"seal-image/internal/attest"
)

// statementOf reads what a bundle signs. That it is about the right digest is for verify
// to say of an in-toto statement, and said here of the other kind.
func statementOf(b *bundle.Bundle, layer attest.Layer, about attest.Manifest) (*attest.Statement, error) {
	if envelope := b.GetDsseEnvelope(); envelope != nil {
		predicateType, err := parseStatement(envelope.GetPayload())
		if err != nil {
			return nil, fmt.Errorf("read statement: %w", err)
		}
		return &attest.Statement{About: about, PayloadType: envelope.GetPayloadType(), PredicateType: predicateType, Payload: envelope.GetPayload()}, nil
	}
	var claim payload.Cosign
	if err := json.Unmarshal(layer.Content, &claim); err != nil {
		return nil, fmt.Errorf("read simple signing payload: %w", err)
	}
	if claim.Image.DigestStr() != about.Ref.DigestStr() {
		return nil, fmt.Errorf("expected it to be about %s, got %s", about.Ref.DigestStr(), claim.Image.DigestStr())
	}
	return &attest.Statement{About: about, PayloadType: attest.SimpleSigningType, Payload: layer.Content}, nil
}

// statementTypes are the versions of in-toto statements that are in use: cosign 2 writes
// the older one.
var statementTypes = []string{attest.StatementType, "https://in-toto.io/Statement/v0.1"}

// parseStatement returns the predicate type of an in-toto statement. It refuses one that
// two readers could read in two ways: with a field twice, or in another case, which Go's
// decoder takes for the same.
//
// Specification: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
func parseStatement(encoded []byte) (predicateType string, err error) {
	fields, err := object(encoded)
	if err != nil {
		return "", err
	}
	known := []string{"_type", "subject", "predicateType", "predicate"}
	for name := range fields {
		same := func(k string) bool { return strings.EqualFold(k, name) && k != name }
		if slices.ContainsFunc(known, same) {
			return "", fmt.Errorf("the field %q is not one of a statement", name)
		}
	}
	var statementType string
	if err := json.Unmarshal(fields["_type"], &statementType); err != nil {
		return "", fmt.Errorf("type: %w", err)
	}
	if !slices.Contains(statementTypes, statementType) {
		return "", fmt.Errorf("it is of the type %q, not an in-toto statement", statementType)
	}
	if err := json.Unmarshal(fields["predicateType"], &predicateType); err != nil {
		return "", fmt.Errorf("predicate type: %w", err)
	}
	if predicateType == "" {
		return "", errors.New("it has no predicate type")
	}
	return predicateType, checkSubjects(fields["subject"])
}

// checkSubjects refuses subjects that can be read in two ways.
func checkSubjects(encoded []byte) error {
	var subjects []json.RawMessage
	if err := json.Unmarshal(encoded, &subjects); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	for _, s := range subjects {
		fields, err := object(s)
		if err != nil {
			return fmt.Errorf("subject: %w", err)
		}
		if _, err := object(fields["digest"]); err != nil {
			return fmt.Errorf("digest of the subject: %w", err)
		}
	}
	return nil
}

// object reads the fields of a JSON object, each of which may be there once.
func object(encoded []byte) (map[string]json.RawMessage, error) {
	decode := json.NewDecoder(bytes.NewReader(encoded))
	if start, err := decode.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for decode.More() {
		token, err := decode.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // names are all that can stand here
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("the field %q is there twice", name)
		}
		var value json.RawMessage
		if err := decode.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	if _, err := decode.Token(); err != nil {
		return nil, err
	}
	if decode.More() {
		return nil, errors.New("something follows the statement")
	}
	return fields, nil
}
